import { isJsonObject } from '../../../core/primitives/json.js';

/** The treatment of connections on which no request is under way: closed at once, or when the client had time to notice. */
export type IdleConnections = 'close' | 'wait';

/** From the process that listens to the one that answers. A connection comes with its socket. */
export type ToWorker = { readonly kind: 'connection' } | { readonly kind: 'stop'; readonly idle: IdleConnections };

/** From the process that answers, once it can, or why it never will, and as long as it does. */
export type FromWorker =
  | { readonly kind: 'ready' }
  /** A sign of life: the first one comes with `ready`. An older release sends none, and is not watched. */
  | { readonly kind: 'beat'; readonly isDebugged: boolean }
  | { readonly kind: 'failed'; readonly message: string; readonly isUsage: boolean };

/**
 * Returns the message if it is one of ours. The channel is Node's, and whatever is loaded into a process may send on it: the
 * containers of process managers, `node --watch`, tracers.
 */
export function toWorker(message: unknown): ToWorker | undefined {
  if (!isJsonObject(message)) return undefined;
  const { kind, idle } = message;
  if (kind === 'connection') return { kind };
  return kind === 'stop' && (idle === 'close' || idle === 'wait') ? { kind, idle } : undefined;
}

/** Returns the message if it is one of ours. */
export function fromWorker(message: unknown): FromWorker | undefined {
  if (!isJsonObject(message)) return undefined;
  const { kind, message: text, isUsage, isDebugged } = message;
  if (kind === 'ready') return { kind };
  if (kind === 'beat') return { kind, isDebugged: isDebugged === true };
  if (kind !== 'failed' || typeof text !== 'string' || text === '') return undefined;
  return { kind, message: text, isUsage: isUsage === true };
}
