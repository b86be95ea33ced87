import type { WaitingFor } from '../model/waiting-texts.js';
import type { DeliveryStatus } from './delivery-status.js';

/**
 * The status of a task. It holds no secret.
 *
 * @public
 */
export interface TaskStatus {
  /** Names the task in `after`. */
  readonly id: string;
  /** The app. */
  readonly appid: string;
  /** The type of the token. */
  readonly type: string;
  /** The user or merchant that the token belongs to; `undefined` if that is the app itself. */
  readonly subject: string | undefined;
  /**
   * `fresh`: not due yet. `due`: being refreshed, or soon to be; the token is still good. `expired`: it has expired.
   * `missing`: there has been none yet. `waiting`: there is no usable one, and no request is made before what it waits for
   * arrives.
   */
  readonly state: 'fresh' | 'due' | 'expired' | 'missing' | 'waiting';
  /** The kind of event that a `waiting` task waits for; `undefined` in any other state. */
  readonly waitingFor: WaitingFor | undefined;
  /** The reason why it waits, in words. */
  readonly reason: string | undefined;
  /** The action to take about it, in words. */
  readonly remedy: string | undefined;
  /** The instant at which the token was asked for. All instants are epoch milliseconds on the store's clock. */
  readonly obtainedAt: number | undefined;
  /** The instant at which the token expires. */
  readonly expiresAt: number | undefined;
  /** The instant at which the token is refreshed next. */
  readonly dueAt: number | undefined;
  /** The version of the record. */
  readonly version: number | undefined;
  /** The instant at which the refresh token ends, where that is known: the user has to authorize again before. */
  readonly refreshTokenExpiresAt: number | undefined;
  /** The last failure since the last success. */
  readonly lastError: TaskFailure | undefined;
  /** The status of the deliveries to the task's target, where the task has `notify`. */
  readonly delivery: DeliveryStatus | undefined;
  /** Whether this process lacks the params function of the task, and leaves the work to one that has it. */
  readonly functionMissing: boolean;
}

/**
 * The last failure of a task.
 *
 * @public
 */
export interface TaskFailure {
  /** The code of the `TokenError`. */
  readonly code: string;
  /** The message of the `TokenError`. */
  readonly message: string;
  /** WeChat's error code. */
  readonly errcode: number | undefined;
  /** WeChat's message, without its `rid` tail. */
  readonly errmsg: string | undefined;
  /** The id under which WeChat's support finds the request. */
  readonly rid: string | undefined;
  /** The address that has to be put on WeChat's IP whitelist. */
  readonly ip: string | undefined;
  /** The number of attempts that have failed in a row. */
  readonly attempts: number;
  /** The instant of the failure. */
  readonly at: number;
  /** The instant of the next attempt. */
  readonly retryAt: number;
}

/**
 * The selection of tasks that `status` shows.
 *
 * @public
 */
export interface StatusQuery {
  /**
   * The app whose tasks are shown.
   *
   * @defaultValue all apps
   */
  readonly appid?: string;
  /**
   * The type of the tasks that are shown; only together with `appid`.
   *
   * @defaultValue all types
   */
  readonly type?: string;
  /**
   * The subject of the task that is shown; only together with `type`.
   *
   * @defaultValue all subjects
   */
  readonly subject?: string;
  /**
   * The `id` of a task: only tasks that follow it are shown, in the order of the store.
   *
   * @defaultValue from the first task
   */
  readonly after?: string;
  /**
   * The number of tasks that are shown at most.
   *
   * @defaultValue all
   * @bounds 1 or more
   */
  readonly limit?: number;
}
