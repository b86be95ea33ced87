import { setTimeout as passes } from 'node:timers/promises';
import { type FakeCall, FakeWeChat, type FakeWeChatOptions } from '../../../src/testing/index.js';
import { type HandedOut, type Key, Worker, type WorkerOptions } from '../servers/worker.js';
import type { StoreDescription } from '../stores/fleet-stores.js';

const LOOK_EVERY_MS = 10;
/** The difference between a process and a store on the same machine: files have times of some milliseconds ago. */
const CLOCKS_DIFFER_MS = 20;

/** The calls for a key: what is not `due` is too many. */
export interface CallAccount {
  /** The calls that brought a token when the one before it was due. */
  readonly due: number;
  /** The calls that brought a token, and began before the one before it was due. */
  readonly early: number;
  readonly failed: number;
  /** The calls that brought nothing: WeChat repeated its earlier answer, or another process was faster. */
  readonly vain: number;
}

interface SeenDead {
  readonly at: number;
  /** Whether that was before its expiry: later ones have replaced it. */
  readonly wasReplaced: boolean;
}

/** Runs a WeChat and processes that share one store. */
export class FleetScene implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  readonly store: StoreDescription;
  readonly workers: Worker[] = [];
  /** The longest time for which this process, and probably others too, could not run. */
  longestStallMs = 0;
  /** The tokens that are good, with the earliest expiry of each unless it is replaced. */
  readonly #good = new Map<string, number>();
  /** The other tokens, with the time when they were seen to be no longer good. */
  readonly #dead = new Map<string, SeenDead>();
  readonly #lifeMs: number;
  #ended = false;
  readonly #looking: Promise<void>;

  private constructor(wechat: FakeWeChat, store: StoreDescription, lifeMs: number) {
    this.wechat = wechat;
    this.store = store;
    this.#lifeMs = lifeMs;
    this.#looking = this.#look();
  }

  static async start(store: StoreDescription, options: FakeWeChatOptions = {}): Promise<FleetScene> {
    return new FleetScene(await FakeWeChat.start(options), store, (options.lifeSeconds ?? 7_200) * 1_000);
  }

  /**
   * Starts a worker.
   *
   * @param options - `store`: how this one reaches it, where that differs from process to process.
   */
  async worker({ store = this.store, ...options }: WorkerOptions & { store?: StoreDescription } = {}): Promise<Worker> {
    const worker = await Worker.start(store, this.wechat.origin, options);
    worker.onEvent(({ value, obtainedAt = 0 }) => {
      if (value === undefined || this.#dead.has(value) || this.#good.has(value)) return;
      this.#good.set(value, obtainedAt + this.#lifeMs);
    });
    this.workers.push(worker);
    return worker;
  }

  startWorkers(count: number, options: WorkerOptions = {}): Promise<Worker[]> {
    return Promise.all(Array.from({ length: count }, () => this.worker(options)));
  }

  /**
   * Returns what a caller could complain of: a failure, a dead token, or an older one after a newer.
   *
   * @param hearsWithinMs - how long a process may hand out a token that two later ones have replaced before its end.
   */
  complaints(found: readonly HandedOut[], hearsWithinMs = 0): string[] {
    return found.flatMap(({ failures, wentBack, lastServedAt }) => [
      ...failures,
      ...wentBack.map((key) => `${key}: an older token after a newer one`),
      ...Object.entries(lastServedAt)
        .map(([value, at]) => ({ value, at, dead: this.#dead.get(value) }))
        .filter(({ at, dead }) => dead !== undefined && at - dead.at > (dead.wasReplaced ? hearsWithinMs : 0))
        .map(
          ({ value, at, dead }) => `${value.slice(0, 12)}... was handed out ${at - (dead?.at ?? 0)} ms after its end`,
        ),
    ]);
  }

  /** Closes every manager, so that all requests have been answered. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.run('close')));
  }

  /**
   * Returns what the calls for a key were for; it is called when everything is closed.
   *
   * @param since - those before the first one after this that brought a token are left out.
   */
  accountOf(key: Key, since = 0): CallAccount {
    const brought = this.workers
      .flatMap(({ events }) => events)
      .filter((event) => event.source === 'upstream' && isOf(key, event))
      .map(({ obtainedAt = 0, dueAt = 0 }) => ({ obtainedAt, dueAt }))
      .sort((left, right) => left.obtainedAt - right.obtainedAt);
    const begin = brought.findIndex(({ obtainedAt }) => obtainedAt >= since);
    const { obtainedAt: begunAt } = brought[begin] ?? { obtainedAt: Number.POSITIVE_INFINITY };
    const counted = brought.filter(({ obtainedAt }) => obtainedAt >= begunAt);
    const early = counted.filter(
      ({ obtainedAt }, index) => obtainedAt + CLOCKS_DIFFER_MS < (brought[begin + index - 1]?.dueAt ?? 0),
    ).length;
    const calls = this.callsFor(key).filter(({ at }) => at >= begunAt - CLOCKS_DIFFER_MS);
    const failed = calls.filter(({ errcode }) => errcode !== 0).length;
    return { due: counted.length - early, early, failed, vain: calls.length - failed - counted.length };
  }

  callsFor(key: Key): FakeCall[] {
    return this.wechat.calls.filter(({ tokenType, ...call }) => isOf(key, { ...call, type: tokenType }));
  }

  async #look(): Promise<void> {
    while (!this.#ended) {
      for (const [value, endsAt] of this.#good) {
        if (this.wechat.isValid(value)) continue;
        this.#good.delete(value);
        this.#dead.set(value, { at: monotonicMs(), wasReplaced: Date.now() + CLOCKS_DIFFER_MS < endsAt });
      }
      const before = performance.now();
      await passes(LOOK_EVERY_MS);
      this.longestStallMs = Math.max(this.longestStallMs, performance.now() - before - LOOK_EVERY_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await Promise.all([this.#looking, ...this.workers.map((worker) => worker.kill())]);
    await this.wechat.close();
  }
}

/** Lets the workers hand out all these keys until something has happened; returns the findings, one per worker. */
export async function handOutUntil(
  workers: readonly Worker[],
  keys: readonly Key[],
  happened: () => Promise<unknown>,
  everyMs = 50,
): Promise<HandedOut[]> {
  await Promise.all(workers.map((worker) => worker.run('handOut', { keys, everyMs })));
  await happened();
  return Promise.all(workers.map((worker) => worker.run<HandedOut>('stopHandingOut')));
}

/** Returns the time of a clock that all processes of a machine share and that is never set. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** What an event or a call is about. */
interface About {
  readonly appid?: string | undefined;
  readonly type?: string | undefined;
  readonly subject?: string | undefined;
}

function isOf(key: Key, { appid, type, subject }: About): boolean {
  return appid === key.appid && type === key.type && subject === key.subject;
}
