import type { DocumentReader } from './document-reader.js';
import type { DueTimes } from './due-times.js';
import type { Failures } from './failures.js';
import { type KeyDocument, readKeyDocument, reportedGrant } from './key-document.js';
import type { Records } from './records.js';
import { dueOf } from './refresh-policy.js';
import type { RefreshReason } from './refresher.js';
import type { Registry } from './registry.js';
import type { SharedPace } from './shared-pace.js';
import type { Claim } from './shared-schedule.js';
import type { StoreClock } from './store-clock.js';
import type { SupervisedStore } from './supervised-store.js';
import type { TokenKey } from './token-key.js';
import type { TokenSource } from './token-source.js';

export interface ClaimedKeysParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly clock: StoreClock;
  readonly registry: Registry;
  readonly records: Records;
  readonly failures: Failures;
  readonly source: TokenSource;
  readonly dueTimes: DueTimes;
  readonly pace: SharedPace;
}

interface Order {
  readonly reason: RefreshReason;
  readonly stale: string | undefined;
}

/** For how many looks at the schedule a key is left to others when this process can do nothing for it now. */
const LEAVE_TO_OTHERS_LOOKS = { least: 2, spread: 8 };

/** Keys that the schedule of the fleet has handed to this process, each with its lease. */
export class ClaimedKeys {
  readonly #parts: ClaimedKeysParts;

  constructor(parts: ClaimedKeysParts) {
    this.#parts = parts;
  }

  /**
   * Refreshes one. It never rejects; whatever happens, the key is due later, and the lease given back. A document that cannot
   * be read, or a store that fails, keeps its lease until that lapses, so that nobody claims the key all the time.
   */
  async take(key: TokenKey, claim: Claim, signal: AbortSignal): Promise<void> {
    try {
      await this.#take(key, claim, signal);
    } catch {
      // Of a failing store word comes from that itself, and of a key that cannot be read when it is asked for.
    }
  }

  async #take(key: TokenKey, claim: Claim, signal: AbortSignal): Promise<void> {
    const { store, reader, registry, failures, dueTimes, clock } = this.#parts;
    const { lease } = claim;
    const isHeld = registry.task(key) !== undefined && registry.knows(key.appid);
    if (!isHeld && (await dueTimes.drop(key, lease))) return store.release(lease);
    const document = await reader.read(lease.document, readKeyDocument);
    failures.learn(key, document);
    const order = isHeld && !this.#isUnwritten(key) ? orderOf(document, clock.now()) : undefined;
    const isDone = order !== undefined && (await this.#carryOut(order, key, document, claim, signal));
    if (!isDone) await dueTimes.postpone(key, clock.now() + this.#pauseMs());
    if (order === undefined) await store.release(lease);
  }

  /** Whether what came of it says when the key is due next. */
  async #carryOut(
    { reason, stale }: Order,
    key: TokenKey,
    { recordVersion }: KeyDocument,
    claim: Claim,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { source, records, pace, store } = this.#parts;
    if (source.isHeldBack(key) || !(await pace.takeOfApp(key.appid, signal))) {
      await store.release(claim.lease);
      return false;
    }
    const flight = source.flyClaimed(key, reason, stale, claim, recordVersion);
    await flight.promise.catch(() => {});
    const unused = flight.takeClaim();
    if (unused !== undefined) await store.release(unused.lease);
    return (records.cache.get(key)?.record.version ?? 0) > recordVersion;
  }

  /** What the store has not taken is offered to it by itself, and nothing else is asked for meanwhile. */
  #isUnwritten(key: TokenKey): boolean {
    const { records } = this.#parts;
    const held = records.cache.get(key);
    return held !== undefined && held.confirmedAtMonotonic === undefined && !records.isDue(held);
  }

  #pauseMs(): number {
    const { clock } = this.#parts;
    return clock.lookEveryMs * (LEAVE_TO_OTHERS_LOOKS.least + clock.random() * LEAVE_TO_OTHERS_LOOKS.spread);
  }
}

/** What is to be done; `undefined` when the key is not due after all. */
function orderOf(document: KeyDocument, now: number): Order | undefined {
  const reported = reportedGrant(document);
  if (reported !== undefined) return { reason: 'stale', stale: reported.value };
  if (document.grant !== undefined && dueOf(document.grant, now) > now) return undefined;
  return { reason: 'due', stale: undefined };
}
