import type { TaskCensus } from '../manager/task-census.js';
import { type HttpAnswer, jsonAnswer } from '../messages/http-message.js';
import type { RouteServices } from '../routing/route-services.js';

/** The time without an answer after which the store counts as unavailable. */
const STORE_ANSWERED_WITHIN_MS = 10_000;
/** The time after an answer of the store for which a check does not call it again. */
const ASK_STORE_EVERY_MS = 5_000;
/**
 * The time that a check waits for the store. The whole answer must come within a second, since probes, such as those of
 * Kubernetes, take a later one for a failure.
 */
const STORE_ANSWERS_IN_TIME_MS = 500;
/** The shortest interval between checks of the store, even while it fails, because no key is needed to cause one. */
const LOOK_EVERY_MS = 1_000;
/** The time that a check waits for the start of the manager before it answers that the server is starting. */
const START_WITHIN_MS = 1_000;
/** The shortest time between two successful checks, both of which are needed after an answer 503 before the next 200. */
const GOOD_LOOKS_APART_MS = 2_000;

type Start = 'started' | 'starting' | 'failed';

/** The result of a check of the store. */
interface StoreLook {
  readonly start: Start;
  /** Whether the store has answered this check, or so recently that it was not called. */
  readonly storeAnswers: boolean;
}

/** The result of a check of the server. */
type Look =
  | {
      readonly isGood: true;
      readonly facts?: Readonly<Record<string, unknown>>;
      /** Whether the store did not answer this check, but has not been unavailable for long. */
      readonly isUncertain?: boolean;
    }
  | { readonly isGood: false; readonly reason: string; readonly code?: string };

/**
 * Determines whether this process can serve requests. It can while the store is unavailable if it has usable tokens in
 * memory. Failures of tasks or WeChat do not matter.
 */
export class Readiness {
  readonly #services: RouteServices;
  #hasStarted = false;
  #last: { readonly at: number; readonly done: Promise<StoreLook> } | undefined;
  #storeAnsweredAt = Number.NEGATIVE_INFINITY;
  /** The call of the store that is in progress, or has succeeded too late for the check that made it. */
  #calling: Promise<boolean> | undefined;
  /** The time of the first failed check since the store last answered, in epoch milliseconds. */
  #storeAwaySince: number | undefined;
  /** Whether the last answer was 503. */
  #isRecovering = false;
  /** The time of the first successful check since the last 503. */
  #goodSince: number | undefined;

  constructor(services: RouteServices) {
    this.#services = services;
  }

  async answer(): Promise<HttpAnswer> {
    const { closing, censuses } = this.#services;
    if (closing.hasBegun) return this.#notReady({ isGood: false, reason: 'the server is closing' });
    const { start, storeAnswers } = await this.#lookAtStore();
    const census = await censuses.of(undefined);
    const look = this.#judge(start, storeAnswers, census);
    if (!look.isGood) return this.#notReady(look);
    if (this.#isRecovering && !this.#hasRecovered(look.isUncertain === true)) {
      return notReady({
        isGood: false,
        reason: 'the server has recovered, and is ready after a second successful check',
      });
    }
    const { total, troubled } = census;
    return jsonAnswer(200, { status: 'ready', ...look.facts, tasks: { total, troubled }, ...this.#platforms() });
  }

  /** Returns the counts of the third-party platforms, if this process knows any. A missing ticket is no trouble of this process. */
  #platforms(): Readonly<Record<string, unknown>> {
    const states = [...this.#services.tickets.states()];
    if (states.length === 0) return {};
    const ticketMissing = states.filter(({ isMissing }) => isMissing).length;
    return { platforms: { total: states.length, ticketMissing } };
  }

  #lookAtStore(): Promise<StoreLook> {
    const now = this.#services.clock.monotonic();
    if (this.#last === undefined || now - this.#last.at >= LOOK_EVERY_MS) {
      this.#last = { at: now, done: this.#lookNow() };
    }
    return this.#last.done;
  }

  async #lookNow(): Promise<StoreLook> {
    const start = await this.#start();
    return { start, storeAnswers: start !== 'starting' && (await this.#storeAnswers()) };
  }

  /** Waits for the start of the manager. The next check repeats a start that has failed. */
  async #start(): Promise<Start> {
    if (this.#hasStarted) return 'started';
    const started = this.#services.start().then(
      () => {
        this.#hasStarted = true;
        return 'started' as const;
      },
      () => 'failed' as const,
    );
    return (await this.#services.deadline().settles(started, START_WITHIN_MS)) ?? 'starting';
  }

  #judge(start: Start, storeAnswers: boolean, census: TaskCensus): Look {
    const { clock, store, refreshes } = this.#services;
    if (start === 'starting') return { isGood: false, reason: 'the server is starting' };
    if (start === 'failed') return { isGood: false, reason: 'the store has not answered' };
    // A store that is called seldom, and takes long to answer this once, is not away.
    const isAway = store.failsToRead && clock.monotonic() - this.#storeAnsweredAt > STORE_ANSWERED_WITHIN_MS;
    const isUncertain = !storeAnswers && !isAway;
    if (!storeAnswers && isAway) {
      if (!this.#hasUsableToken()) return { isGood: false, reason: 'the store has not answered' };
      return { isGood: true, facts: { store: 'unavailable', since: this.#storeAwaySince } };
    }
    const trouble = refreshes ? store.writeTrouble : undefined;
    if (trouble === undefined) return { isGood: true, isUncertain };
    const { code, since } = trouble;
    const { earliestEnd, hasEndedByStore } = census;
    if (hasEndedByStore) {
      return { isGood: false, reason: 'the store accepts no writes, and a token has expired because of that', code };
    }
    return { isGood: true, isUncertain, facts: { writes: 'failing', code, since: Math.round(since), earliestEnd } };
  }

  /**
   * Returns whether the store has answered this check, or so recently that it need not be called. An answer that comes too
   * late counts for the next check, which then calls the store for the one after it: a store that is merely slow does not
   * keep a server from recovering.
   */
  async #storeAnswers(): Promise<boolean> {
    const { clock, deadline } = this.#services;
    const answeredMsAgo = clock.monotonic() - this.#storeAnsweredAt;
    if (answeredMsAgo < ASK_STORE_EVERY_MS && !this.#isRecovering) return true;
    const earlier = this.#calling;
    this.#calling ??= this.#callStore();
    const answers = await deadline().settles(this.#calling, STORE_ANSWERS_IN_TIME_MS);
    if (answers === true) this.#calling = earlier && this.#callStore();
    else this.#storeAwaySince ??= Math.round(clock.now());
    return answers === true;
  }

  async #callStore(): Promise<boolean> {
    const { clock, store } = this.#services;
    try {
      await store.now();
    } catch {
      this.#calling = undefined;
      return false;
    }
    this.#storeAnsweredAt = clock.monotonic();
    this.#storeAwaySince = undefined;
    return true;
  }

  #hasUsableToken(): boolean {
    const { records } = this.#services;
    for (const cached of records.cache.records()) if (records.leftMs(cached) > 0) return true;
    return false;
  }

  /** Returns whether this is a second successful check, long enough after the first. */
  #hasRecovered(isUncertain: boolean): boolean {
    const now = this.#services.clock.monotonic();
    if (isUncertain) this.#goodSince = undefined;
    else this.#goodSince ??= now;
    if (this.#goodSince === undefined || now - this.#goodSince < GOOD_LOOKS_APART_MS) return false;
    this.#isRecovering = false;
    return true;
  }

  #notReady(look: Look & { readonly isGood: false }): HttpAnswer {
    this.#isRecovering = true;
    this.#goodSince = undefined;
    return notReady(look);
  }
}

function notReady({ reason, code }: Look & { readonly isGood: false }): HttpAnswer {
  return jsonAnswer(503, { status: 'not ready', reason, code });
}
