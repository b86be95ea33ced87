/**
 * The state of a client. `unopened` means that it connects only when it is told to, and `away` that it has lost its
 * connection or failed to get one.
 */
export type DriverState = 'unopened' | 'connecting' | 'ready' | 'away' | 'closed';

/** The interface that the drivers of all clients implement. */
export interface RedisDriver {
  readonly state: DriverState;
  /** Sends a command. In a cluster it is sent to the node that holds `key`. */
  send(args: readonly string[], key: string): Promise<unknown>;
  /** Connects, and retries if the client does so. */
  open(): Promise<unknown>;
  /** Closes the connection at once. */
  close(): void;
  on(event: string, listener: (argument?: unknown) => void): void;
  off(event: string, listener: (argument?: unknown) => void): void;
  /** Returns a separate client with the same settings, not connected. */
  duplicate(): RedisDriver;
  /** Subscribes to a channel. A repeated call sends the command again. */
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  /** The event that is emitted when the state becomes `ready`. */
  readonly connected: string;
  /** The events after which a subscription may have missed messages. */
  readonly resumed: readonly string[];
}
