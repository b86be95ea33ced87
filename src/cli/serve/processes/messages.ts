import { isJsonObject } from '../../../core/primitives/json.js';

/** The treatment of idle connections: they are closed at once, or after the time in which a client notices the end. */
export type IdleConnections = 'close' | 'wait';

/** A message from the primary process to a worker. A connection comes with its socket. */
export type ToWorker = { readonly kind: 'connection' } | StopOrder;

/** The order to finish and end. */
export interface StopOrder {
  readonly kind: 'stop';
  readonly idle: IdleConnections;
  /** Whether another worker has taken the place of this one, so that no client waits for its end. */
  readonly isReplaced?: boolean;
}

/** A message from a worker to the primary process: it can answer, cannot start, or is alive. */
export type FromWorker =
  | { readonly kind: 'ready' }
  /** The heartbeat. The first one follows `ready`. Workers of older releases send none and are not watched. */
  | { readonly kind: 'beat'; readonly isDebugged: boolean }
  | { readonly kind: 'failed'; readonly message: string; readonly isUsage: boolean };

/**
 * Returns the message if it is a valid one. Other software also sends on the channel of Node, for example the containers
 * of process managers, `node --watch` and tracers.
 */
export function toWorker(message: unknown): ToWorker | undefined {
  if (!isJsonObject(message)) return undefined;
  const { kind, idle, isReplaced } = message;
  if (kind === 'connection') return { kind };
  if (kind !== 'stop' || (idle !== 'close' && idle !== 'wait')) return undefined;
  return { kind, idle, ...(isReplaced === true && { isReplaced }) };
}

/** Returns the message if it is a valid one. */
export function fromWorker(message: unknown): FromWorker | undefined {
  if (!isJsonObject(message)) return undefined;
  const { kind, message: text, isUsage, isDebugged } = message;
  if (kind === 'ready') return { kind };
  if (kind === 'beat') return { kind, isDebugged: isDebugged === true };
  if (kind !== 'failed' || typeof text !== 'string' || text === '') return undefined;
  return { kind, message: text, isUsage: isUsage === true };
}
