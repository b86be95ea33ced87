import type { Semaphore } from '../concurrency/semaphore.js';
import { LEASE_MS } from '../concurrency/time-limits.js';
import { TokenError, withFacts } from '../model/errors.js';
import { failureError, failureFacts } from '../model/failure-facts.js';
import { NeedMissing } from '../model/need-missing.js';
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
import { DOCUMENT_CHANGED, PARAMS_WANTED, type Restart } from './outcome.js';

/** Is thrown through the refresher when its refresh has to start again. */
export class Interrupted extends Error {
  readonly restart: Restart;

  constructor(restart: Restart) {
    super(`the refresh starts again: ${restart.because}`);
    this.restart = restart;
  }
}

export interface SpendingInput {
  readonly key: TokenKey;
  /** The key's document as the lease showed it. */
  readonly document: KeyDocument;
  readonly hadTask: boolean;
  /** Intents of this very refresh that WeChat has answered for. */
  readonly answered: readonly Intent[];
  /** Whether a params URL that has not been asked may offer another. */
  readonly urlNotAsked: boolean;
  /** Returns whether this was pushed by WeChat, and is no refresh token. Default: never. */
  readonly isPushed?: (value: string) => boolean;
  /** Returns a hash of the params of the task; `undefined` where they have to be asked for. */
  readonly params?: () => string | undefined;
  /** The time for which a refused input is left alone before the params are looked at again. */
  readonly looksAgainMs: number;
  /** Returns whether another input has been registered or pushed since the needs were gathered. */
  readonly isOutdated?: () => boolean;
  readonly documents: KeyDocuments;
  readonly clock: StoreClock;
  /** The slots for what is written before the request, so that it does not delay the writing of answers. */
  readonly announcing: Semaphore;
}

/**
 * Spends the inputs that one attempt uses up: chooses them, announces them durably before they are sent, and settles
 * them afterwards.
 */
export class Spending {
  readonly #input: SpendingInput;
  #document: KeyDocument;
  #intent: Intent | undefined;
  #spent: Spent | undefined;
  #kept: ReceivedToken | undefined;
  /** Whether what was sent is a refresh token. */
  #isRefreshToken = true;
  #rival: Intent | undefined;
  #interruption: NeedMissing | Interrupted | undefined;
  #next: () => Choice = () => ({ kind: 'none' });

  constructor(input: SpendingInput) {
    this.#input = input;
    this.#document = input.document;
  }

  /** Returns the key's document as it is now. */
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

  /** Returns why the attempt has to end without having failed, whatever the refresher makes of it. */
  get interruption(): NeedMissing | Interrupted | undefined {
    return this.#interruption;
  }

  /**
   * Chooses the input to send and writes durably that it is about to be sent, so that a store that takes no writes fails
   * the refresh while the input is unspent.
   *
   * @throws NeedMissing without any, Interrupted, or a `TokenError` when all are dead.
   */
  async spend(offered: unknown, prefer: Preference): Promise<{ readonly value: string; readonly stored: boolean }> {
    const { key, clock, answered, params } = this.#input;
    if (this.#intent !== undefined) throw new TypeError('spend may be called once in an attempt');
    const offer = typeof offered === 'string' && offered !== '' ? offered : undefined;
    this.#next = () => chooseInput(this.#document.rotation, offer, prefer, clock.now(), params);
    const choice = this.#next();
    if (choice.kind !== 'send' && this.#input.urlNotAsked) throw this.#interrupt(new Interrupted(PARAMS_WANTED));
    if (choice.kind === 'none' && offered !== undefined) {
      const message = `what ${key.type} is refreshed with must be a non-empty string, got ${describeKind(offered)}`;
      throw this.#interrupt(new NeedMissing(new TokenError('INPUT_MISSING', message, key)));
    }
    if (choice.kind !== 'send') throw this.#nothingToSend(choice);
    const { rotation } = this.#document;
    const before = rotation?.intent;
    const isRival = before?.hash === choice.hash && !answered.some(({ at }) => at === before.at);
    this.#rival = isRival ? before : undefined;
    this.#intent = { hash: choice.hash, at: clock.now() };
    const announced = { ...this.#document, rotation: withIntent(rotation, this.#intent) };
    const version = await this.#input.announcing.run(() => this.#write(announced));
    if (version === undefined) throw this.#interrupt(new Interrupted(DOCUMENT_CHANGED));
    this.#document = { ...announced, version };
    const base = rotation?.token === undefined ? undefined : secretHash(rotation.token);
    const onOffer = offer === undefined || offer === choice.value ? undefined : secretHash(offer);
    this.#spent = { hash: choice.hash, base, known: rotation?.known ?? [], onOffer };
    this.#isRefreshToken = this.#input.isPushed?.(choice.value) !== true;
    return { value: choice.value, stored: choice.stored };
  }

  /** Keeps the refresh token of an answer that is of no other use; it is written together with the failure. */
  keep(received: ReceivedToken | undefined): void {
    if (this.#spent !== undefined && received !== undefined) {
      this.#kept = received;
      this.#setRotation(afterGrant(this.#document.rotation, received, this.#spent, this.#input.clock.now()));
    }
  }

  /**
   * Notes, after the attempt has failed, what is known now of what it sent.
   *
   * @returns the error that says when to go on, or a restart where another input is on offer, or may be.
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async settle(error: TokenError): Promise<TokenError | Restart> {
    if (this.#spent === undefined) return error;
    // What is missing or refused beside a refresh token says nothing of that.
    if (error.code !== 'REAUTHORIZATION_REQUIRED' && (error.code !== 'INPUT_MISSING' || this.#isRefreshToken)) {
      // Without an answer it is not known whether it was used up, so the intent stays.
      if (error.errcode !== undefined) this.#setRotation(withoutIntent(this.#document.rotation));
      return error;
    }
    const now = this.#input.clock.now();
    const deadAt = this.#rival === undefined ? now : now + LEASE_MS;
    const refused: Refused = { hash: this.#spent.hash, deadAt, error: failureFacts(error) };
    this.#setRotation(withRefusal(this.#document.rotation, refused));
    const hasNext = this.#next().kind === 'send' || this.#input.isOutdated?.() === true;
    if (!hasNext && !this.#input.urlNotAsked) return this.#refusal(refused, error);
    await this.#write(this.#document);
    return hasNext ? DOCUMENT_CHANGED : PARAMS_WANTED;
  }

  /** Writes the document with its state of trying as it was. */
  async #write(document: KeyDocument): Promise<number | undefined> {
    const { key, documents, hadTask, clock } = this.#input;
    return documents.save(key, document, { hadTask, dueAt: nextDueAt(document, clock.now()) });
  }

  #interrupt<Interruption extends NeedMissing | Interrupted>(interruption: Interruption): Interruption {
    this.#interruption = interruption;
    return interruption;
  }

  #setRotation(rotation: KeyDocument['rotation']): void {
    this.#document = { ...this.#document, rotation };
  }

  #nothingToSend(choice: Exclude<Choice, { kind: 'send' }>): Error {
    const { key, clock, looksAgainMs } = this.#input;
    if (choice.kind === 'none') {
      const message = `${key.type} needs something to be refreshed with, and neither the store nor its params have it`;
      return this.#interrupt(new NeedMissing(new TokenError('INPUT_MISSING', message, key)));
    }
    if (choice.kind === 'refused') return this.#refusal(choice.refused, failureError(choice.refused.error, key));
    const message = `the refresh token has reached its end (${new Date(choice.expiredAt).toISOString()})`;
    const retryAt = clock.now() + looksAgainMs;
    return new TokenError('REAUTHORIZATION_REQUIRED', message, { ...key, retryAt });
  }

  #refusal({ deadAt }: Refused, error: TokenError): TokenError {
    const now = this.#input.clock.now();
    // An instant further ahead than a lease lasts was noted before the clock was set back.
    if (deadAt <= now || deadAt > now + LEASE_MS + FUTURE_TOLERANCE_MS)
      return withFacts(error, { retryAt: now + this.#input.looksAgainMs });
    const { errcode, errmsg, rid } = error;
    const message = `${error.message}; who sent it before may still store what came of it`;
    return new TokenError('UPSTREAM_UNAVAILABLE', message, { errcode, errmsg, rid, retryAt: deadAt, retryable: true });
  }
}
