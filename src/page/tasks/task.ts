/** A task as `GET /tokens` shows it. All instants are epoch milliseconds on the server's clock. */
export interface Task {
  readonly id: string;
  readonly appid: string;
  readonly type: string;
  readonly subject?: string | undefined;
  readonly obtainedAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly dueAt?: number | undefined;
  readonly refreshTokenExpiresAt?: number | undefined;
  /** The event that a task without a usable token waits for. `reason` describes the cause and the remedy. */
  readonly waitingFor?: 'push' | 'refresh_token' | 'dependency' | 'params' | 'store' | 'process' | undefined;
  readonly reason?: string | undefined;
  readonly lastError?: TaskFailure | undefined;
  readonly delivery?: Delivery | undefined;
  readonly functionMissing: boolean;
}

export interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly errcode?: number | undefined;
  readonly ip?: string | undefined;
  /** The id under which WeChat's support finds the request. */
  readonly rid?: string | undefined;
  readonly attempts: number;
  readonly retryAt: number;
}

export interface Delivery {
  readonly state: 'delivered' | 'owed' | 'failed' | 'waiting';
  readonly deliveredAt?: number | undefined;
  readonly attempts: number;
  readonly lastError?: string | undefined;
  readonly retryAt?: number | undefined;
}
