import type { Semaphore } from '../concurrency/semaphore.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import { TokenError, withFacts } from '../model/errors.js';
import { failureError, failureFacts } from '../model/failure-facts.js';
import { InputMissing } from '../model/input-missing.js';
import { FUTURE_TOLERANCE_MS } from '../model/refresh-policy.js';
import {
  afterGrant,
  type Choice,
  chooseInput,
  type Intent,
  type Preference,
  type ReceivedToken,
  type Refused,
  type Spent,
  withIntent,
  withoutIntent,
  withRefusal,
} from '../model/rotation.js';
import type { TokenKey } from '../model/token-key.js';
import { describeKind } from '../primitives/redact.js';
import { secretHash } from '../primitives/secret-hash.js';
import { type KeyDocument, nextDueAt } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { StoreClock } from '../store/store-clock.js';
import { PARAMS_WANTED, type Restart, START_AGAIN } from './outcome.js';

/** Reports that the refresh has to start again. It is thrown through the refresher. */
export class Interrupted extends Error {
  readonly restart: Restart;

  constructor(restart: Restart) {
    super(`the refresh starts again: ${restart.because}`);
    this.restart = restart;
  }
}

export interface SpendingParts {
  readonly key: TokenKey;
  /** The key's document as it was when the lease was granted. */
  readonly document: KeyDocument;
  readonly hadTask: boolean;
  /** The intents of this refresh that WeChat has answered. */
  readonly answered: readonly Intent[];
  /** Whether a params URL that has not been asked may offer another input. */
  readonly urlNotAsked: boolean;
  /** Returns whether this value was pushed by WeChat, so that it is not a refresh token. Default: never. */
  readonly isPushed?: (value: string) => boolean;
  /** Returns a hash of the params of the task; `undefined` if the params have to be requested. */
  readonly params?: () => string | undefined;
  /** The time for which a refused input is not sent again before the params are checked once more. */
  readonly retryAfterRefusalMs: number;
  /** Returns whether another input has been registered or pushed since the inputs were gathered. */
  readonly isOutdated?: () => boolean;
  /**
   * Deletes the document that an announcement has created with this version if the registration has ended, because an
   * unregistration that was faster has not found it. Returns whether it has ended. Called before the input is sent.
   */
  readonly deleteIfEnded?: (version: number) => Promise<boolean>;
  readonly documents: KeyDocuments;
  readonly clock: StoreClock;
  /** The semaphore of announcements, which are written before the request and must not delay the writes of answers. */
  readonly announcing: Semaphore;
}

/**
 * Spends the inputs that one attempt uses up: it chooses them, announces them durably before they are sent, and settles
 * them afterwards.
 */
export class Spending {
  readonly #input: SpendingParts;
  #document: KeyDocument;
  #intent: Intent | undefined;
  #spent: Spent | undefined;
  #kept: ReceivedToken | undefined;
  /** Whether the sent input is a refresh token. */
  #isRefreshToken = true;
  #unansweredIntent: Intent | undefined;
  #interruption: InputMissing | Interrupted | undefined;
  #next: () => Choice = () => ({ kind: 'none' });

  constructor(input: SpendingParts) {
    this.#input = input;
    this.#document = input.document;
  }

  /** Returns the key's document in its present state. */
  get document(): KeyDocument {
    return this.#document;
  }

  get spent(): Spent | undefined {
    return this.#spent;
  }

  get intent(): Intent | undefined {
    return this.#intent;
  }

  get kept(): ReceivedToken | undefined {
    return this.#kept;
  }

  /** Returns why the attempt has to end without having failed, regardless of how the refresher handles that. */
  get interruption(): InputMissing | Interrupted | undefined {
    return this.#interruption;
  }

  /**
   * Chooses the input to send and announces it durably, so that a store that accepts no writes fails the refresh while
   * the input is unspent.
   *
   * @throws InputMissing without any input, Interrupted, or a `TokenError` if all inputs were refused or have expired.
   */
  async spend(offered: unknown, prefer: Preference): Promise<{ readonly value: string; readonly stored: boolean }> {
    const { key, clock, answered, params } = this.#input;
    if (this.#intent !== undefined) throw new TypeError('spend may be called once in an attempt');
    const offer = typeof offered === 'string' && offered !== '' ? offered : undefined;
    this.#next = () => chooseInput(this.#document.rotation, offer, prefer, clock.now(), params);
    const choice = this.#next();
    if (choice.kind !== 'send' && this.#input.urlNotAsked) throw this.#interrupt(new Interrupted(PARAMS_WANTED));
    if (choice.kind === 'none' && offered !== undefined) {
      const message = `the value that ${key.type} is refreshed with must be a non-empty string, got ${describeKind(offered)}`;
      throw this.#interrupt(new InputMissing(new TokenError('INPUT_MISSING', message, key)));
    }
    if (choice.kind !== 'send') throw this.#nothingToSend(choice);
    const { rotation } = this.#document;
    const before = rotation?.intent;
    const isRival = before?.hash === choice.hash && !answered.some(({ at }) => at === before.at);
    this.#unansweredIntent = isRival ? before : undefined;
    this.#intent = { hash: choice.hash, at: clock.now() };
    const announced = { ...this.#document, rotation: withIntent(rotation, this.#intent) };
    const version = await this.#input.announcing.run(() => this.#write(announced));
    if (version === undefined) throw this.#interrupt(new Interrupted(START_AGAIN));
    const isFirst = this.#document.version === 0;
    const hasEnded = isFirst && (await this.#input.deleteIfEnded?.(version)) === true;
    if (hasEnded) throw this.#interrupt(new Interrupted(START_AGAIN));
    this.#document = { ...announced, version };
    const base = rotation?.token === undefined ? undefined : secretHash(rotation.token);
    const onOffer = offer === undefined || offer === choice.value ? undefined : secretHash(offer);
    this.#spent = { hash: choice.hash, base, known: rotation?.known ?? [], onOffer };
    this.#isRefreshToken = this.#input.isPushed?.(choice.value) !== true;
    return { value: choice.value, stored: choice.stored };
  }

  /** Keeps the refresh token of an otherwise unusable answer, which is written together with the failure. */
  keep(received: ReceivedToken | undefined): void {
    if (this.#spent !== undefined && received !== undefined) {
      this.#kept = received;
      this.#setRotation(afterGrant(this.#document.rotation, received, this.#spent, this.#input.clock.now()));
    }
  }

  /**
   * Records, after the attempt has failed, what the failure shows about the sent input.
   *
   * @returns the error with the instant of the next attempt, or a restart if another input is, or may be, available.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async settle(error: TokenError): Promise<TokenError | Restart> {
    if (this.#spent === undefined) return error;
    // The error concerns an input other than the refresh token, which remains valid.
    if (error.code !== 'REAUTHORIZATION_REQUIRED' && (error.code !== 'INPUT_MISSING' || this.#isRefreshToken)) {
      // Without an answer it is unknown whether the input was used up, so the intent stays.
      if (error.errcode !== undefined) this.#setRotation(withoutIntent(this.#document.rotation));
      return error;
    }
    const now = this.#input.clock.now();
    const deadAt = this.#unansweredIntent === undefined ? now : now + LEASE_MS;
    const refused: Refused = { hash: this.#spent.hash, deadAt, error: failureFacts(error) };
    this.#setRotation(withRefusal(this.#document.rotation, refused));
    const hasNext = this.#next().kind === 'send' || this.#input.isOutdated?.() === true;
    if (!hasNext && !this.#input.urlNotAsked) return this.#refusal(refused, error);
    await this.#write(this.#document);
    return hasNext ? START_AGAIN : PARAMS_WANTED;
  }

  /** Writes the document without changing its retry state. */
  async #write(document: KeyDocument): Promise<number | undefined> {
    const { key, documents, hadTask, clock } = this.#input;
    return documents.save(key, document, { hadTask, dueAt: nextDueAt(document, clock.now()) });
  }

  #interrupt<Interruption extends InputMissing | Interrupted>(interruption: Interruption): Interruption {
    this.#interruption = interruption;
    return interruption;
  }

  #setRotation(rotation: KeyDocument['rotation']): void {
    this.#document = { ...this.#document, rotation };
  }

  #nothingToSend(choice: Exclude<Choice, { kind: 'send' }>): Error {
    const { key, clock, retryAfterRefusalMs: looksAgainMs } = this.#input;
    if (choice.kind === 'none') {
      const message = `${key.type} requires a value to be refreshed with, and neither the store nor the params of the task have one`;
      return this.#interrupt(new InputMissing(new TokenError('INPUT_MISSING', message, key)));
    }
    if (choice.kind === 'refused') return this.#refusal(choice.refused, failureError(choice.refused.error, key));
    const message = `the refresh token has expired (${new Date(choice.expiredAt).toISOString()})`;
    const retryAt = clock.now() + looksAgainMs;
    return new TokenError('REAUTHORIZATION_REQUIRED', message, { ...key, retryAt });
  }

  #refusal({ deadAt }: Refused, error: TokenError): TokenError {
    const now = this.#input.clock.now();
    // An instant farther ahead than the duration of a lease was recorded before the clock was set back.
    if (deadAt <= now || deadAt > now + LEASE_MS + FUTURE_TOLERANCE_MS)
      return withFacts(error, { retryAt: now + this.#input.retryAfterRefusalMs });
    const { errcode, errmsg, rid } = error;
    const message = `${error.message}; the process that sent it earlier may still store the answer`;
    return new TokenError('UPSTREAM_UNAVAILABLE', message, { errcode, errmsg, rid, retryAt: deadAt, retryable: true });
  }
}
