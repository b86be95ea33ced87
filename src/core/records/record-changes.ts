import type { TokenKey } from '../model/token-key.js';

/** Receives what the store has shown of keys. */
export interface RecordListener {
  /** Is called after the record or the failure of a key may have changed. */
  changed(key: TokenKey): void;
  /** Is called when a process that may not refresh the key has seen its value rejected. */
  reported(key: TokenKey, value: string): void;
}

/** Passes on what the store has shown of keys to what listens, which is built later than what reads. */
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
