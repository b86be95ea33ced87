import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import type { Clock } from '../../core/concurrency/clock.js';
import type { StatusParts } from '../../core/engine/status.js';
import type { TaskStatus } from '../../core/engine/task-status.js';
import { type KnownKey, type WaitingParts, waitingAfter, waitingOf } from '../../core/engine/waiting.js';
import type { TokenKey } from '../../core/model/token-key.js';
import { WAITING_FOR, type WaitingFor } from '../../core/model/waiting-texts.js';
import { Histogram } from '../../core/primitives/counters.js';
import type { State } from '../../core/refresh/state.js';
import type { RegisteredTask } from '../../core/registry/task-entry.js';

/** A task and the remaining lifetime of its token: negative after its expiry, 0 without a token. */
export interface TaskLeft {
  readonly key: TokenKey;
  readonly leftSeconds: number;
}

/**
 * The states of the tasks of all apps or some of them. In a fleet only tasks are included of which this process has a
 * token or a failure.
 */
export interface TaskCensus {
  readonly total: number;
  /** The number of tasks without a usable token whose last attempt failed, or that are in state `waiting`. */
  readonly troubled: number;
  readonly states: Readonly<Record<TaskStatus['state'], number>>;
  /** The number of tasks in state `waiting`, by what they wait for. */
  readonly waiting: Readonly<Record<WaitingFor, number>>;
  /** The expiry of the usable token that expires first; `undefined` without any. */
  readonly earliestEnd: number | undefined;
  /** Whether a token has expired that is not replaced only because the store accepts no writes. */
  readonly hasEndedByStore: boolean;
  /** The seconds to expiry, 0 without a usable token. */
  readonly left: Histogram;
  /** The tasks with the shortest remaining lifetimes, the shortest first. */
  readonly worst: readonly TaskLeft[];
}

const MAX_WORST = 20;
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
const SECONDS_LEFT = [0, 10, MINUTE, 300, 600, 1_800, HOUR, 2 * HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY];
const TAKE_EVERY_MS = 5_000;
/** The number of tasks that are counted before other work may run. This takes some 3 ms. */
const COUNTED_AT_ONCE = 2_000;
/** The cost of a task without a usable token, in tasks with one, because its waiting reason has to be determined. */
const COST_OF_JUDGING = 20;
/** The largest share of the process's time that counting may take. */
const SHARE_OF_TIME = 0.1;
/** The key of the census of all tasks. */
const ALL = {};

interface Taken {
  readonly census: Promise<TaskCensus>;
  /** The time from which the tasks may be counted again, on the monotonic clock. */
  nextAt: number;
}

/** The parts of a manager that a census looks at. */
export interface CensusParts extends State, Pick<StatusParts, 'store' | 'refresherOf' | 'refreshes' | 'callbacks'> {
  readonly clock: Clock;
}

/** Counts tasks in one pass over memory, and once in a while: there may be a million, and many may ask. */
export class TaskCensuses {
  readonly #parts: CensusParts;
  /** A key keeps its set of apps for as long as it is in force. */
  readonly #taken = new WeakMap<object, Taken>();

  constructor(parts: CensusParts) {
    this.#parts = parts;
  }

  /**
   * Returns the census of some or all apps.
   *
   * @param appids - the only apps whose tasks are counted; `undefined` for all.
   */
  of(appids: ReadonlySet<string> | undefined): Promise<TaskCensus> {
    const now = this.#parts.clock.monotonic();
    const before = this.#taken.get(appids ?? ALL);
    if (before !== undefined && now < before.nextAt) return before.census;
    const census = this.#take(appids);
    const taken: Taken = { census, nextAt: Number.POSITIVE_INFINITY };
    this.#taken.set(appids ?? ALL, taken);
    const ended = (): void => {
      const tookMs = this.#parts.clock.monotonic() - now;
      taken.nextAt = now + Math.max(TAKE_EVERY_MS, tookMs / SHARE_OF_TIME);
    };
    census.then(ended, ended);
    return census;
  }

  async #take(appids: ReadonlySet<string> | undefined): Promise<TaskCensus> {
    const { records, retryStates, registry, coolDowns } = this.#parts;
    const judged = this.#judged();
    const states = { fresh: 0, due: 0, expired: 0, missing: 0, waiting: 0 };
    const waiting = Object.fromEntries(WAITING_FOR.map((name) => [name, 0])) as Record<WaitingFor, number>;
    const left = new Histogram(SECONDS_LEFT);
    const worst: TaskLeft[] = [];
    let seen = 0;
    let total = 0;
    let troubled = 0;
    let earliestEnd: number | undefined;
    let hasEndedByStore = false;
    for (const { key } of this.#tasks(appids)) {
      if (seen >= COUNTED_AT_ONCE) {
        seen = 0;
        await yieldToEventLoop();
      }
      const held = records.cache.get(key);
      const leftSeconds = held === undefined ? 0 : records.leftMs(held) / 1_000;
      seen += leftSeconds > 0 ? 1 : COST_OF_JUDGING;
      const hasFailed = leftSeconds <= 0 && retryStates.remembered(key) !== undefined;
      const lack = leftSeconds <= 0 ? coolDowns.lackOf(key) : undefined;
      // The state of this task is only known to the store, and perhaps to another process.
      if (held === undefined && !hasFailed && lack === undefined && !registry.holdsAll) continue;
      total += 1;
      const waits = leftSeconds <= 0 ? waitingAfter(key, waitingOf(key, judged), lack, hasFailed) : undefined;
      if (waits !== undefined) {
        states.waiting += 1;
        waiting[waits.waitingFor] += 1;
      } else if (held === undefined) states.missing += 1;
      else if (leftSeconds <= 0) states.expired += 1;
      else states[records.isDue(held) ? 'due' : 'fresh'] += 1;
      if (hasFailed || waits !== undefined) troubled += 1;
      if (held !== undefined && leftSeconds > 0) earliestEnd = Math.min(held.expiresAt, earliestEnd ?? held.expiresAt);
      else if (held !== undefined && !hasFailed && waits?.waitingFor === 'store') hasEndedByStore = true;
      left.observe(Math.max(0, leftSeconds));
      addIfWorse(worst, key, leftSeconds);
    }
    return { total, troubled, states, waiting, earliestEnd, hasEndedByStore, left, worst };
  }

  /** Returns what this process knows of keys, which in a fleet are only those in its memory. */
  #judged(): WaitingParts {
    const { store, refreshes, refresherOf, callbacks, clock } = this.#parts;
    return {
      refresherOf,
      known: (key) => this.#known(key),
      isStoreWritable: !store.failsToWrite,
      refreshes,
      asksUrls: callbacks.attached !== undefined,
      now: clock.now(),
      judged: new Map(),
    };
  }

  #known(key: TokenKey): KnownKey | undefined {
    const { registry, records, retryStates, coolDowns } = this.#parts;
    const held = records.cache.get(key);
    const failure = retryStates.remembered(key)?.trying.error;
    const task = registry.task(key);
    const isRegistered = registry.hasApp(key.appid);
    // An attempt of this process that lacked an input has read the registration, and found no record.
    const wasTried = isRegistered && coolDowns.hasLack(key);
    if (!registry.holdsAll && held === undefined && failure === undefined && !wasTried) return undefined;
    return {
      isRegistered,
      task,
      value: held !== undefined && records.leftMs(held) > 0 ? held.value : undefined,
      rotation: held?.rotation,
      failure,
      // The failure is of the present input, and an attempt that WeChat has answered lacked nothing but a good ticket.
      isTicketRefused: failure?.code === 'INPUT_MISSING' && failure.errcode !== undefined,
    };
  }

  *#tasks(appids: ReadonlySet<string> | undefined): Iterable<RegisteredTask> {
    const { registry } = this.#parts;
    if (appids === undefined) yield* registry.tasks();
    else for (const appid of appids) yield* registry.tasksOf(appid);
  }
}

function addIfWorse(worst: TaskLeft[], key: TokenKey, leftSeconds: number): void {
  const last = worst[MAX_WORST - 1];
  if (last !== undefined && leftSeconds >= last.leftSeconds) return;
  const index = worst.findIndex((task) => leftSeconds < task.leftSeconds);
  worst.splice(index === -1 ? worst.length : index, 0, { key, leftSeconds });
  worst.length = Math.min(worst.length, MAX_WORST);
}
