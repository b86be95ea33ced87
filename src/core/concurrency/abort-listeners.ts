/** The single listener of a signal, and the callbacks that are called when the signal is aborted. */
interface Listener {
  readonly waiting: Set<() => void>;
  readonly abort: () => void;
}

const listeners = new WeakMap<AbortSignal, Listener>();

/**
 * Calls `aborted` when the signal is aborted. A signal gets a single listener for all callbacks, because Node.js warns
 * of a memory leak at the eleventh listener.
 *
 * @returns a function that cancels the registration.
 */
export function onAbort(signal: AbortSignal, aborted: () => void): () => void {
  const listener = listeners.get(signal) ?? listenTo(signal);
  const { waiting, abort } = listener;
  // The callback is wrapped in a new function, so that the same callback may be registered twice in the set.
  const call = (): void => aborted();
  waiting.add(call);
  return () => {
    waiting.delete(call);
    if (waiting.size > 0 || listeners.get(signal) !== listener) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', abort);
  };
}

/**
 * Returns the reason of an aborted signal. Older polyfills have no `reason`, so they get the error that Node.js uses by
 * default.
 */
export function reasonOf(signal: AbortSignal): unknown {
  return signal.reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : signal.reason;
}

function listenTo(signal: AbortSignal): Listener {
  const waiting = new Set<() => void>();
  const abort = (): void => {
    listeners.delete(signal);
    for (const call of [...waiting]) call();
  };
  const listener = { waiting, abort };
  listeners.set(signal, listener);
  signal.addEventListener('abort', abort, { once: true });
  return listener;
}
