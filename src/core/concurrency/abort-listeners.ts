/** The one listener of a signal, and the calls that wait with that signal. */
interface Listener {
  readonly waiting: Set<() => void>;
  readonly abort: () => void;
}

const listeners = new WeakMap<AbortSignal, Listener>();

/**
 * Calls `aborted` when the signal is aborted. A signal gets one listener however many calls wait with it, because Node warns
 * of a leak at the eleventh.
 *
 * @returns a function that takes the call back.
 */
export function onAbort(signal: AbortSignal, aborted: () => void): () => void {
  const listener = listeners.get(signal) ?? listenTo(signal);
  const { waiting, abort } = listener;
  // A function of its own, so that one callback may wait twice.
  const call = (): void => aborted();
  waiting.add(call);
  return () => {
    waiting.delete(call);
    if (waiting.size > 0 || listeners.get(signal) !== listener) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', abort);
  };
}

/** Returns what the signal was aborted with. Older polyfills keep no reason. */
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
