import { type Clock, wait } from '../../core/concurrency/clock.js';
import type { Closing } from '../../core/model/closing.js';
import type { Deadline } from '../../core/model/deadline.js';
import { isTokenError, TokenError } from '../../core/model/errors.js';
import { contended } from '../../core/store/write-errors.js';
import type { AuthorizationChanges } from '../authorizations/authorization-changes.js';
import type {
  AuthorizationDocuments,
  AuthorizationKey,
  StoredAuthorization,
} from '../authorizations/authorization-documents.js';
import type { ExchangedCodes, ExchangeResult } from '../authorizations/exchanged-codes.js';
import type { ExchangedCode } from '../authorizations/platform-answers.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import { isCodeRefused } from '../authorizations/refusals.js';
import { AHEAD_MS } from '../content/push-fields.js';
import type { LostAuthorizations } from './lost-authorizations.js';
import { owedAfterExchange } from './redirected-exchange.js';

export interface CodeExchangeParts {
  readonly documents: AuthorizationDocuments;
  readonly codes: ExchangedCodes;
  readonly api: Pick<PlatformApi, 'queryAuth'>;
  readonly changes: AuthorizationChanges;
  readonly lost: Pick<LostAuthorizations, 'restore'>;
  readonly clock: Clock;
  readonly closing: Closing;
  /** Whether this process exchanges codes at all. */
  readonly refreshes: boolean;
}

/** The time between two looks at what another process does with a code. */
const LOOK_EVERY_MS = 200;
const MAX_ROUNDS = 10;

/**
 * Exchanges the codes with which merchants come back. The push of the same authorization carries the same code, so that the
 * code is exchanged by one of the two, once in the fleet, and the other one finds the result.
 */
export class CodeExchange {
  readonly #parts: CodeExchangeParts;

  constructor(parts: CodeExchangeParts) {
    this.#parts = parts;
  }

  /**
   * Exchanges a code, unless that is done, and returns the account when its tokens are stored.
   *
   * @throws a `TokenError`: with `errcode` 61009 or 61010 for a code that is not WeChat's, was used or has expired.
   */
  async exchange(component: string, code: string, deadline: Deadline): Promise<ExchangeResult> {
    try {
      return await deadline.race(this.#exchange(component, code, deadline));
    } catch (error) {
      const isLate = isTokenError(error) && error.code === 'TIMEOUT' && deadline.leftMs() === 0;
      throw isLate ? this.#tooLate(component) : error;
    }
  }

  async #exchange(component: string, code: string, deadline: Deadline): Promise<ExchangeResult> {
    const { clock, closing, refreshes } = this.#parts;
    let pending: AuthorizationKey | undefined;
    while (deadline.leftMs() > 0) {
      const found = await this.#find(component, code);
      if (found !== undefined) return found;
      if (refreshes) pending = await closing.waitFor(() => this.#attempt(component, code, pending));
      const result = await this.#find(component, code);
      if (result !== undefined) return result;
      await wait(clock, LOOK_EVERY_MS, { ref: true, signal: closing.signal });
    }
    throw this.#tooLate(component);
  }

  #tooLate(component: string): TokenError {
    const facts = { appid: component, retryable: true };
    return this.#parts.refreshes
      ? new TokenError('TIMEOUT', 'the exchange of the authorization code has not ended in time', facts)
      : new TokenError('REFRESH_DISABLED', 'no process that refreshes has exchanged the authorization code yet', facts);
  }

  /**
   * Returns the account of a code.
   *
   * @throws a `TokenError` with code `REAUTHORIZATION_REQUIRED` if that has ended its authorization since.
   */
  async #find(component: string, code: string): Promise<ExchangeResult | undefined> {
    const { codes, documents } = this.#parts;
    const state = await codes.find(component, code);
    if (state === undefined || typeof state === 'string') return undefined;
    const stored = await documents.read({ component, authorizer: state.authorizer });
    assertNotEnded({ component, authorizer: state.authorizer }, stored, state.since);
    return state;
  }

  /**
   * Exchanges a code, and completes the authorization, unless another process does one of the two.
   *
   * @param pending - the authorization of the code, if it is known to be exchanged, so that WeChat is not asked again.
   * @returns the authorization that another process completes; `undefined` if it is not known, or nothing is left to do.
   */
  async #attempt(
    component: string,
    code: string,
    pending: AuthorizationKey | undefined,
  ): Promise<AuthorizationKey | undefined> {
    const { codes, changes } = this.#parts;
    const key = pending ?? (await codes.exclusively(component, code, () => this.#ask(component, code)));
    if (key === undefined) return undefined;
    // A push may have left the rest to be done for the same account, for which it needs the code as well.
    return (await changes.makeAll(key)) ? undefined : key;
  }

  /**
   * Exchanges a code, and stores what it was exchanged for.
   *
   * @returns the authorization that is to be completed; `undefined` if that is done.
   */
  async #ask(component: string, code: string): Promise<AuthorizationKey | undefined> {
    const { api, codes } = this.#parts;
    const state = await codes.find(component, code);
    if (typeof state === 'object') return undefined;
    // What was asked before may have been exchanged, although no answer is known.
    if (state === undefined) await codes.note(component, code, 'asked');
    try {
      return await this.#save(component, code, await api.queryAuth(component, code));
    } catch (error) {
      if (!isCodeRefused(error)) throw error;
      return await this.#refused(component, code, state, error);
    }
  }

  async #save(component: string, code: string, exchanged: ExchangedCode): Promise<AuthorizationKey> {
    const { documents, codes, clock } = this.#parts;
    const { authorizer, permissions } = exchanged;
    const key = { component, authorizer };
    const latest = clock.now() + AHEAD_MS;
    const at = Math.min(exchanged.at ?? toSecond(clock.now()), latest);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stored = await documents.read(key);
      const owed = owedAfterExchange({ ...exchanged, code, at }, stored);
      if (owed === undefined) {
        assertNotEnded(key, stored, at);
        await codes.note(component, code, { authorizer, permissions, since: at });
        return key;
      }
      if ((await documents.saveOwed(key, owed, stored.owedVersion)) !== undefined) return key;
    }
    throw contended(`the authorization of ${authorizer}`, { appid: component });
  }

  /**
   * Looks for the account of a code that was used or has expired: a push of it may be stored, and an answer lost.
   *
   * @throws the refusal if there is none; a `TokenError` with code `UPSTREAM_UNAVAILABLE` if an answer was lost, and only the
   *   push will say whose code it was.
   */
  async #refused(
    component: string,
    code: string,
    state: 'asked' | 'restored' | undefined,
    refusal: TokenError,
  ): Promise<AuthorizationKey | undefined> {
    const { documents, codes, lost } = this.#parts;
    for await (const key of documents.pending(component)) {
      const { owed } = await documents.read(key);
      if (owed?.kind === 'exchange' && owed.code === code) return key;
    }
    // Another process may have completed it while WeChat was asked.
    if (typeof (await codes.find(component, code)) === 'object') return undefined;
    if (state === undefined) {
      await codes.note(component, code, undefined);
      throw refusal;
    }
    if (state === 'asked') {
      await lost.restore(component);
      await codes.note(component, code, 'restored');
    }
    const message = 'the answer to the exchange of the authorization code was lost; the push of WeChat completes it';
    const { errcode, rid } = refusal;
    throw new TokenError('UPSTREAM_UNAVAILABLE', message, { appid: component, errcode, rid, retryable: true });
  }
}

/**
 * Asserts that an authorization has not ended after a time.
 *
 * @throws a `TokenError` with code `REAUTHORIZATION_REQUIRED`.
 */
function assertNotEnded(
  { component, authorizer }: AuthorizationKey,
  { owed, authorization }: StoredAuthorization,
  since: number,
): void {
  const endedAt = Math.max(
    owed?.kind === 'removal' ? owed.createdAt : 0,
    authorization?.state === 'unauthorized' && owed === undefined ? authorization.changedAt : 0,
  );
  if (endedAt <= since) return;
  const facts = { appid: component, type: 'authorizer_access_token', subject: authorizer };
  throw new TokenError('REAUTHORIZATION_REQUIRED', 'the account has ended its authorization of the platform', facts);
}

function toSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
