import type { TokenKey } from '../model/token-key.js';

/** A listener for changes of keys that the store has shown. */
export interface RecordListener {
  /** Handles a possible change of the record or the failure of a key. */
  changed(key: TokenKey): void;
  /** Handles a stale report: a process that may not refresh the key has seen its value rejected. */
  reported(key: TokenKey, value: string): void;
}

/** Forwards changes of keys to a listener that is created later than the readers that report them. */
export class RecordChanges implements RecordListener {
  #listener: RecordListener | undefined;

  listen(listener: RecordListener): void {
    this.#listener = listener;
  }

  changed(key: TokenKey): void {
    this.#listener?.changed(key);
  }

  reported(key: TokenKey, value: string): void {
    this.#listener?.reported(key, value);
  }
}
