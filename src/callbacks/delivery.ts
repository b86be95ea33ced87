import { LEASE_MS } from '../core/concurrency/time-limits.js';
import { fullJitterMs } from '../core/model/backoff.js';
import type { Closing } from '../core/model/closing.js';
import { TokenError, toTokenError } from '../core/model/errors.js';
import { type Events, tokenEvent } from '../core/model/events.js';
import { failureFacts } from '../core/model/failure-facts.js';
import { dueOf } from '../core/model/refresh-policy.js';
import type { Due, Lease } from '../core/model/store.js';
import { DELIVERY_LANE, documentId, type TokenKey } from '../core/model/token-key.js';
import type { State } from '../core/refresh/state.js';
import {
  type Delivered,
  type DeliveryDocument,
  deliveredGrant,
  deliveryContent,
  type FailingDelivery,
  pendingAt,
  readDeliveryDocument,
  targetOf,
} from '../core/store/delivery-document.js';
import { seal } from '../core/store/document-codec.js';
import { type KeyDocument, nextDueAt, readKeyDocument, type StoredGrant } from '../core/store/key-document.js';
import { checkRegistration } from '../core/store/registration-check.js';
import type { Storage } from '../core/store/storage.js';
import type { TypeNumbers } from './contract-type-numbers.js';
import { requestFor } from './delivery-message.js';
import type { GuardedRequests } from './guarded-request.js';
import type { WebhookSecret } from './webhook-signature.js';

/** The parts of a manager that deliveries work with. */
export interface DeliveringCore extends Storage, Pick<State, 'registry' | 'records'> {
  readonly events: Events;
  /** Once it has begun, nothing is delivered any more. */
  readonly closing: Closing;
}

export interface DeliveryParts extends DeliveringCore {
  readonly requests: Pick<GuardedRequests, 'send'>;
  readonly typeNumbers: TypeNumbers;
  readonly secrets: readonly WebhookSecret[];
}

/** A token that has not been delivered to its target yet. */
interface Owed {
  readonly grant: StoredGrant;
  readonly version: number;
  readonly document: DeliveryDocument;
  /** The time from which it may be delivered; `never` after the target has been given up, until there is a newer token. */
  readonly at: number | 'never';
}

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 600_000;
const MIN_RETRY_MS = 200;
/** The time for which deliveries to a failing target are retried. After that there is one attempt for each new token. */
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
/** The delay after which another process makes a delivery that is still pending. */
const LEAVE_TO_OTHERS_MS = 30_000;
/** The delay before the next check when another process holds the lease or has changed the document. */
const LOOK_AGAIN_MS = { least: 2_000, spread: 5_000 };

/**
 * Delivers the current token of one key to one target. Reading, sending and recording happen under a lease of its own, so
 * that only one process at a time delivers it.
 */
export class Delivery {
  readonly notify: string;
  readonly #parts: DeliveryParts;
  readonly #key: TokenKey;
  readonly #id: string;
  readonly #target: string;
  /** The delivery that the target has accepted and the store has not recorded yet. */
  #unnoted: Delivered | undefined;

  constructor(key: TokenKey, notify: string, parts: DeliveryParts) {
    this.notify = notify;
    this.#parts = parts;
    this.#key = key;
    this.#id = documentId('delivery', key);
    this.#target = targetOf(notify);
  }

  /** Returns when the newest token may be delivered; `undefined` when no delivery is pending. */
  async lookAt(): Promise<number | undefined> {
    const { store, reader } = this.#parts;
    const [stored, storedKey] = await store.get([this.#id, documentId('key', this.#key)]);
    const document = await reader.read(stored, readDeliveryDocument);
    return lookAt(this.#owed(document, await reader.read(storedKey, readKeyDocument)));
  }

  /**
   * Delivers the newest token if its delivery is pending.
   *
   * @returns when to check again; `undefined` when nothing is pending any more.
   */
  async run(): Promise<number | undefined> {
    const { store, reader, documents, clock } = this.#parts;
    const lease = await store.lease(this.#id, LEASE_MS);
    if (lease === undefined) return this.#lookSoon();
    let owed: Owed | undefined;
    try {
      const document = await reader.read(lease.document, readDeliveryDocument);
      owed = this.#owed(document, await documents.read(this.#key));
      const isDue = owed !== undefined && owed.at !== 'never' && owed.at <= clock.now();
      if (isDue && this.#isStillWanted()) return await this.#attempt(owed as Owed, lease);
    } catch (error) {
      await store.release(lease);
      throw error;
    }
    await store.release(lease);
    return this.#isStillWanted() ? lookAt(owed) : undefined;
  }

  /**
   * Sets when the document of this delivery becomes due in the schedule of the fleet, where a process checks it if none
   * has delivered by then.
   *
   * @returns whether a delivery is due now.
   */
  async putOff({ id, document: stored }: Lease): Promise<boolean> {
    const { store, reader, documents, clock } = this.#parts;
    const document = await reader.read(stored, readDeliveryDocument);
    const keyDocument = await documents.read(this.#key);
    const at = lookAt(this.#owed(document, keyDocument));
    // Without a token the next possible attempt to fetch one is the earliest time at which a delivery can become pending.
    const due = this.#due(at ?? nextDueAt(keyDocument, clock.now()));
    await store.set(id, seal(id, deliveryContent(document)), document.version, { due });
    return at !== undefined && at <= clock.now();
  }

  /** Returns when to check again while nothing is pending: after the next token should have been delivered. */
  #dueAfter(grant: StoredGrant | undefined): Due {
    return this.#due(grant === undefined ? 0 : dueOf(grant, this.#parts.clock.now()));
  }

  #due(at: number): Due {
    return { lane: DELIVERY_LANE, at: Math.max(at, this.#parts.clock.now()) + LEAVE_TO_OTHERS_MS };
  }

  /**
   * Returns whether the token is still to be sent. While it waited for a slot, the task may have been given another
   * target or none. A delivery that has not been sent when the manager is closed is left to the next process.
   */
  #isStillWanted(): boolean {
    return !this.#parts.closing.hasBegun && this.#parts.registry.task(this.#key)?.notify === this.notify;
  }

  #lookSoon(): number {
    const { clock } = this.#parts;
    return clock.now() + LOOK_AGAIN_MS.least + clock.random() * LOOK_AGAIN_MS.spread;
  }

  #owed(document: DeliveryDocument, keyDocument: KeyDocument): Owed | undefined {
    const { grant, recordVersion: version } = keyDocument;
    const at = pendingAt(document, keyDocument, this.#target, this.#parts.clock.now());
    return grant === undefined || at === undefined ? undefined : { grant, version, document, at };
  }

  async #attempt(owed: Owed, lease: Lease): Promise<number | undefined> {
    const { events, clock } = this.#parts;
    const { version, document, grant } = owed;
    const before = document.failing?.target === this.#target ? document.failing : undefined;
    const attempt = (before?.attempts ?? 0) + 1;
    const failure = this.#unnoted?.recordVersion === version ? undefined : await this.#send(owed);
    const now = clock.now();
    const event = { ...tokenEvent(this.#key), version, attempt };
    if (failure === undefined) {
      this.#unnoted ??= deliveredGrant(grant, { recordVersion: version, at: now, target: this.#target });
      const noted = { ...document, delivered: this.#unnoted, failing: undefined };
      if (!(await this.#write(noted, lease, this.#dueAfter(grant)))) {
        return this.#lookSoon();
      }
      this.#unnoted = undefined;
      events.emit('delivered', event);
      return undefined;
    }
    const failing = this.#failing(failure, version, attempt, before?.since ?? now, now);
    const due = failing.retryAt === undefined ? this.#dueAfter(grant) : this.#due(failing.retryAt);
    if (!(await this.#write({ ...document, failing }, lease, due))) return this.#lookSoon();
    events.emit('deliveryFailed', { ...event, error: failure, retryAt: failing.retryAt });
    return failing.retryAt;
  }

  /** Sends the token, and returns the error; `undefined` when the target has accepted it. */
  async #send({ grant, version }: Owed): Promise<TokenError | undefined> {
    const { clock, records, requests, typeNumbers, secrets } = this.#parts;
    const key = this.#key;
    this.#unnoted = undefined;
    try {
      const now = clock.now();
      const endsAt = records.presentEndOf(key, grant);
      const request = requestFor({ key, notify: this.notify, grant, version, secrets, typeNumbers, endsAt, now });
      const { status } = await requests.send({ ...request, statusOnly: true });
      if (status >= 200 && status <= 299) return undefined;
      const message = `${(request.url as URL).host} answered with status ${status}`;
      return new TokenError('UPSTREAM_UNAVAILABLE', message, { ...key, retryable: true });
    } catch (error) {
      return toTokenError(error, 'UPSTREAM_UNAVAILABLE', 'the delivery failed', { ...key, retryable: true });
    }
  }

  #failing(error: TokenError, recordVersion: number, attempts: number, since: number, now: number): FailingDelivery {
    const random = this.#parts.clock.random();
    const delayMs = Math.max(MIN_RETRY_MS, fullJitterMs({ attempts, random }, FIRST_RETRY_MS, MAX_RETRY_MS));
    const retryAt = Math.round(now + delayMs);
    return {
      recordVersion,
      target: this.#target,
      attempts,
      since,
      failedAt: now,
      error: failureFacts(error),
      ...(retryAt > since + GIVE_UP_AFTER_MS ? {} : { retryAt }),
    };
  }

  /**
   * Records the outcome, and releases the lease. If the process dies before the outcome is recorded, the target is
   * notified twice rather than not at all.
   *
   * @returns whether it is recorded: `false` when another process has changed the document.
   */
  async #write(document: DeliveryDocument, lease: Lease, due: Due): Promise<boolean> {
    const { store } = this.#parts;
    const content = seal(this.#id, deliveryContent(document));
    const version = await store.set(this.#id, content, document.version, { lease, due });
    if (version === undefined) await store.release(lease);
    else if ((await checkRegistration(store, this.#key, { hadTask: true })) === 'gone')
      await store.delete(this.#id, version);
    return version !== undefined;
  }
}

function lookAt(owed: Owed | undefined): number | undefined {
  return owed === undefined || owed.at === 'never' ? undefined : owed.at;
}
