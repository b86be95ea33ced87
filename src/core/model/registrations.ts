import type { Enrolment } from './enrolment.js';
import type { StoredDocument } from './store.js';
import type { TokenKey } from './token-key.js';

/** The registrations of apps and tasks as this process knows them. */
export interface Registrations {
  hasApp(appid: string): boolean;
  /** Returns the task of a key; `undefined` if none is known. */
  task(key: TokenKey): object | undefined;
  enrolment(key: TokenKey): Enrolment;
  /** Reads an app or a task from the store again, by the id of its document. */
  reload(id: string): Promise<void>;
  /** Reads another document, and in the same round trip the registration of this key as far as it is not cached. */
  loadWith(id: string, key: TokenKey): Promise<StoredDocument | undefined>;
}
