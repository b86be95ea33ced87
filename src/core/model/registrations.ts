import type { Enrolment } from './enrolment.js';
import type { TokenKey } from './token-key.js';

/** Tells what is registered, as far as this process knows. */
export interface Registrations {
  knows(appid: string): boolean;
  enrolment(key: TokenKey): Enrolment;
  /** Reads one app or task again, by the id of its document. */
  reload(id: string): Promise<void>;
}
