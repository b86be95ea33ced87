import { safeCause } from '../core/model/errors.js';

/**
 * Emits an error as a warning of the process. Name and message are passed separately, because `process.emitWarning`
 * throws for an error of another realm.
 */
export function warnProcess({ name, message }: Error): void {
  process.emitWarning(message, { type: name });
}

/** Calls a listener. One that throws must not prevent the answer. */
export function callListener(listener: () => void): void {
  try {
    listener();
  } catch (thrown) {
    warnProcess(safeCause(thrown));
  }
}
