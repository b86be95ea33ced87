import type { Enrolment } from './enrolment.js';
import type { StoredDocument } from './store.js';
import type { TokenKey } from './token-key.js';

/** Tells what is registered, as far as this process knows. */
export interface Registrations {
  hasApp(appid: string): boolean;
  /** Returns the task of a key; `undefined` where none is known. */
  task(key: TokenKey): object | undefined;
  enrolment(key: TokenKey): Enrolment;
  /** Reads one app or task again, by the id of its document. */
  reload(id: string): Promise<void>;
  /** Reads another document, and in the same round trip what is registered of this key as far as it is not held. */
  loadWith(id: string, key: TokenKey): Promise<StoredDocument | undefined>;
}
