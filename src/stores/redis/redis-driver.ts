/** The state of a client. `unopened`: it connects when it is told to; `away`: it had a connection, or failed to get one. */
export type DriverState = 'unopened' | 'connecting' | 'ready' | 'away' | 'closed';

/** The interface that the clients have in common. */
export interface RedisDriver {
  readonly state: DriverState;
  /** Sends a command. In a cluster it goes to the node that has `key`. */
  send(args: readonly string[], key: string): Promise<unknown>;
  /** Connects, and keeps trying where the client does. */
  open(): Promise<unknown>;
  /** Closes at once. */
  close(): void;
  on(event: string, listener: (argument?: unknown) => void): void;
  off(event: string, listener: (argument?: unknown) => void): void;
  /** Returns a client of its own with the same settings, not connected. */
  duplicate(): RedisDriver;
  /** Subscribes to a channel. It may be called again, which tells the server again. */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** The event that says that the state is `ready`. */
  readonly connected: string;
  /** The events after which a subscription may have missed something. */
  readonly resumed: readonly string[];
}
