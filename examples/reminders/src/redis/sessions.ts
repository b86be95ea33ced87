import { createHash, randomBytes } from 'node:crypto';
import { keys } from './keys.js';
import type { Database } from './scripts.js';

/** The life of a session. */
export const SESSION_SECONDS = 7 * 86_400;

/**
 * Starts and ends sessions, and finds their users. Redis holds hashes of the session tokens, so that reading it gives no
 * session away.
 */
export class Sessions {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Starts a session and returns its token. */
  async start(user: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await this.#database.set(keys.session(hashOf(token)), user, 'EX', SESSION_SECONDS);
    return token;
  }

  /** Returns whose session it is; `undefined` when there is none, or it has expired. */
  async userOf(token: string): Promise<string | undefined> {
    return (await this.#database.get(keys.session(hashOf(token)))) ?? undefined;
  }

  /** Ends a session, for every request that comes after it. Returns whether there was one. */
  async end(token: string): Promise<boolean> {
    return (await this.#database.del(keys.session(hashOf(token)))) === 1;
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
