import type { Clock } from '../../core/concurrency/clock.js';
import { isTokenError } from '../../core/model/errors.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import { isCodeRefused, isNotAuthorized } from '../authorizations/refusals.js';
import { leaseOver, underLease } from '../work/leased-work.js';
import type { CheckCodeKey, CheckDocuments, OwedAnswer } from './check-documents.js';

export interface AnswerSenderParts {
  readonly documents: CheckDocuments;
  readonly api: PlatformApi;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Handles a message that was given up. */
  givenUp(key: CheckCodeKey, reason: string): void;
}

/** A message that can be sent, or why it cannot. */
type Obtained = { readonly token: string } | { readonly lack: string };

/** An owed message, the end of its code, and the version of its document. */
interface Owed {
  readonly owed: OwedAnswer;
  readonly endsAt: number;
  readonly version: number;
}

const TOKEN_REFUSED: ReadonlySet<unknown> = new Set([40_001, 40_014, 42_001]);

/**
 * Sends the messages that WeChat's check expects: exchanges the code, and sends the message with its token. The token is
 * written in between, so that another process can send the message.
 */
export class AnswerSender {
  readonly #parts: AnswerSenderParts;
  /** The hashes of the codes whose message was sent, while this is not written yet. */
  readonly #sent = new Set<string>();

  constructor(parts: AnswerSenderParts) {
    this.#parts = parts;
  }

  /**
   * Sends a message, or removes the document of a code that has ended. One process of the fleet does so at a time.
   *
   * @returns whether nothing is left to do; `false` while another process does it.
   */
  async send(key: CheckCodeKey): Promise<boolean> {
    const { documents, clock } = this.#parts;
    const sent = await underLease(documents, clock, key, async (isHeld) => {
      await this.#send(key, isHeld);
      return true;
    });
    return sent === true;
  }

  async #send(key: CheckCodeKey, isHeld: () => boolean): Promise<void> {
    const { documents, clock, givenUp } = this.#parts;
    const stored = await documents.read(key);
    if (stored === undefined) return;
    const { owed, endsAt, version } = stored;
    if (endsAt <= clock.now()) {
      const isRemoved = await documents.delete(key, version);
      if (isRemoved && owed !== undefined && !this.#sent.delete(key.codeHash)) givenUp(key, 'the code has ended');
    } else if (owed !== undefined) {
      await this.#sendOwed(key, { owed, endsAt, version }, isHeld);
    }
  }

  async #sendOwed(key: CheckCodeKey, found: Owed, isHeld: () => boolean): Promise<void> {
    if (this.#sent.has(key.codeHash)) return this.#settle(key, found);
    const ready = found.owed.token === undefined ? await this.#exchange(key, found, isHeld) : found;
    if (ready === undefined) return;
    await this.#sendMessage(key, ready, isHeld);
    this.#sent.add(key.codeHash);
    await this.#settle(key, ready);
  }

  /** Returns the message with its token; `undefined` if it was given up, or another process has continued with it. */
  async #exchange(
    key: CheckCodeKey,
    { owed, endsAt, version }: Owed,
    isHeld: () => boolean,
  ): Promise<Owed | undefined> {
    const { documents, givenUp } = this.#parts;
    const obtained = await this.#tokenOf(key, owed.code, isHeld);
    const exchanged = 'token' in obtained ? { ...owed, token: obtained.token } : undefined;
    const saved = await documents.save(key, { owed: exchanged, endsAt }, version);
    if (saved === undefined) return undefined;
    if ('lack' in obtained) givenUp(key, obtained.lack);
    return exchanged && { owed: exchanged, endsAt, version: saved };
  }

  /**
   * Exchanges the code or, if it was used or has expired, requests a token with the refresh token that WeChat names: the
   * answer to an earlier exchange may have been lost.
   */
  async #tokenOf(key: CheckCodeKey, code: string, isHeld: () => boolean): Promise<Obtained> {
    assertHeld(key, isHeld);
    try {
      const { authorizer, grant } = await this.#parts.api.queryAuth(key.component, code);
      if (authorizer !== key.authorizer) return { lack: 'the code is that of another account' };
      return grant === undefined ? { lack: 'WeChat grants no token for the code' } : { token: grant.value };
    } catch (error) {
      if (!isCodeRefused(error)) throw error;
    }
    return this.#healed(key, isHeld);
  }

  async #healed(key: CheckCodeKey, isHeld: () => boolean): Promise<Obtained> {
    const { api } = this.#parts;
    const lack = 'the code was used or has expired, and WeChat names no refresh token';
    try {
      assertHeld(key, isHeld);
      const named = await api.namedAuthorization(key);
      assertHeld(key, isHeld);
      const grant = named && (await api.refresh(key, named.refreshToken));
      return grant === undefined ? { lack } : { token: grant.value };
    } catch (error) {
      if (isNotAuthorized(error)) return { lack };
      throw error;
    }
  }

  async #sendMessage(key: CheckCodeKey, { owed, endsAt, version }: Owed, isHeld: () => boolean): Promise<void> {
    const { documents, api } = this.#parts;
    const { user, code, token = '' } = owed;
    assertHeld(key, isHeld);
    try {
      await api.sendText(key, token, user, `${code}_from_api`);
    } catch (error) {
      // Another authorization has ended the token. The next attempt requests another one.
      const isRefused = isTokenError(error) && TOKEN_REFUSED.has(error.errcode);
      if (isRefused) await documents.save(key, { owed: { user, code }, endsAt }, version);
      throw error;
    }
  }

  /** Writes that the message was sent. */
  async #settle(key: CheckCodeKey, { endsAt, version }: Owed): Promise<void> {
    await this.#parts.documents.save(key, { owed: undefined, endsAt }, version);
    this.#sent.delete(key.codeHash);
  }
}

function assertHeld({ component }: CheckCodeKey, isHeld: () => boolean): void {
  if (!isHeld()) throw leaseOver(component);
}
