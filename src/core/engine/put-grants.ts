import type { Closing } from '../model/closing.js';
import type { Deadline } from '../model/deadline.js';
import { isTokenError } from '../model/errors.js';
import type { RefreshTimes } from '../model/refresh-policy.js';
import type { Grant } from '../model/refresher.js';
import type { ReceivedToken } from '../model/rotation.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import { type GivenGrant, readGivenGrant } from '../records/given-grant.js';
import { receivedToken, storedGrant } from '../records/grant.js';
import type { GrantWriter } from '../records/grant-writer.js';
import { paramsHashOf } from '../registry/attempt-input.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';
import type { Registry } from '../registry/registry.js';
import type { StoredGrant } from '../store/key-document.js';
import { mayBeginAgain } from '../store/registration-check.js';
import type { Storage } from '../store/storage.js';
import type { TokenSource } from './token-source.js';
import type { Work } from './work.js';

export interface PutGrantsParts extends Pick<Storage, 'clock' | 'documents'>, Work {
  /** The closing of the manager. Once it has begun, only writes in progress are completed. */
  readonly closing: Closing;
  readonly registry: Registry;
  readonly writer: GrantWriter;
  readonly source: TokenSource;
  readonly pushed: PushedTokens;
  readonly times: RefreshTimes;
}

const MAX_ROUNDS = 3;

/** Stores grants that were obtained elsewhere. */
export class PutGrants {
  readonly #parts: PutGrantsParts;

  constructor(parts: PutGrantsParts) {
    this.#parts = parts;
  }

  /** Stores a grant, unless the stored one is newer, or is still usable and has all scopes of this one. */
  async put(key: TokenKey, grant: Grant, deadline: Deadline): Promise<CachedRecord> {
    const { clock, registry, source, pushed, flights, scheduler } = this.#parts;
    const given = readGivenGrant(grant);
    await source.assertRegistered(key, deadline);
    const stored = this.#stored(key, given, clock.now());
    const received = receivedToken(given, stored);
    const params = paramsHashOf(registry.task(key)?.params);
    const put = params === undefined ? {} : { params };
    const held = await this.#write(key, stored, received && { ...received, put });
    flights.retrySoon(key);
    flights.wakeWaiting(key);
    for (const waiting of pushed.keysThatNeed(key)) scheduler.makeDueNow(waiting);
    return held;
  }

  /**
   * Writes the grant, and retries if the key was registered anew meanwhile, since the grant is for whichever
   * registration exists.
   */
  async #write(key: TokenKey, grant: StoredGrant, received: ReceivedToken | undefined): Promise<CachedRecord> {
    const { closing, registry, documents, writer } = this.#parts;
    const beforeRetry = (): void => closing.assertOpen();
    for (let round = 1; ; round++) {
      const document = await documents.read(key);
      closing.assertOpen();
      const enrolment = registry.enrolment(key);
      try {
        return await writer.write(key, document, grant, { source: 'put', enrolment, received, beforeRetry });
      } catch (error) {
        if (!isTokenError(error) || error.code !== 'NOT_REGISTERED' || round === MAX_ROUNDS) throw error;
        if (!(await mayBeginAgain(registry, key, enrolment, true))) throw error;
      }
    }
  }

  /** Converts a grant to the stored form. A pushed token cannot be refreshed, so it is never due before it expires. */
  #stored(key: TokenKey, grant: GivenGrant, now: number): StoredGrant {
    const { clock, times, pushed } = this.#parts;
    const stored = storedGrant(grant, now, now, times, clock.random());
    return pushed.isPushed(key.type) ? { ...stored, dueAt: stored.expiresAt } : stored;
  }
}
