import { keys } from './keys.js';
import type { Database } from './scripts.js';

const NONCE_SECONDS = 30 * 86_400;
/** The most accepted prompts of a user that are counted. */
const MAX_CREDITS = 1_000;

/** Counts the prompts that users have accepted: WeChat tells how many are left nowhere. */
export class Consents {
  readonly #database: Database;
  readonly #template: string;

  constructor(database: Database, template: string) {
    this.#database = database;
    this.#template = template;
  }

  /** Counts one accepted prompt, once for a nonce, and returns how many are left. */
  async count(user: string, nonce: string): Promise<number> {
    const [credits, accepted] = [keys.credits(user, this.#template), keys.accepted(user, this.#template)];
    const consent = keys.consent(user, nonce);
    return Number(await this.#database.countConsent(credits, consent, accepted, NONCE_SECONDS, MAX_CREDITS));
  }

  async left(user: string): Promise<number> {
    return Number((await this.#database.get(keys.credits(user, this.#template))) ?? 0);
  }
}
