import { setTimeout as passes } from 'node:timers/promises';
import { type FakeCall, FakeWeChat, type FakeWeChatOptions } from '../../src/testing/index.js';
import type { StoreDescription } from './fleet-stores.js';
import { type HandedOut, type Key, Worker, type WorkerOptions } from './worker.js';

const LOOK_EVERY_MS = 10;

/** A WeChat and processes that share one store. */
export class FleetScene implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  readonly store: StoreDescription;
  readonly workers: Worker[] = [];
  /** For how long this process, and others probably too, was kept from working. */
  longestStallMs = 0;
  /** The tokens that are good, and when it was seen of the others that they were not any more. */
  readonly #good = new Set<string>();
  readonly #seenDeadAt = new Map<string, number>();
  #ended = false;
  readonly #looking: Promise<void>;

  private constructor(wechat: FakeWeChat, store: StoreDescription) {
    this.wechat = wechat;
    this.store = store;
    this.#looking = this.#look();
  }

  static async start(store: StoreDescription, options: FakeWeChatOptions = {}): Promise<FleetScene> {
    return new FleetScene(await FakeWeChat.start(options), store);
  }

  /** @param options - `store`: how this one reaches it, where that differs from process to process. */
  async worker({ store = this.store, ...options }: WorkerOptions & { store?: StoreDescription } = {}): Promise<Worker> {
    const worker = await Worker.start(store, this.wechat.origin, options);
    worker.onEvent(({ value }) => {
      if (value !== undefined && !this.#seenDeadAt.has(value)) this.#good.add(value);
    });
    this.workers.push(worker);
    return worker;
  }

  startWorkers(count: number, options: WorkerOptions = {}): Promise<Worker[]> {
    return Promise.all(Array.from({ length: count }, () => this.worker(options)));
  }

  /** What a caller could complain of: a failure, a dead token, or an older one after a newer. */
  complaints(found: readonly HandedOut[]): string[] {
    return found.flatMap(({ failures, wentBack, lastServedAt }) => [
      ...failures,
      ...wentBack.map((key) => `${key}: an older token after a newer one`),
      ...Object.entries(lastServedAt)
        .filter(([value, at]) => at > (this.#seenDeadAt.get(value) ?? Number.POSITIVE_INFINITY))
        .map(([value]) => `a token was handed out after its end: ${value.slice(0, 12)}...`),
    ]);
  }

  callsFor({ appid, type, subject }: Key): FakeCall[] {
    return this.wechat.calls.filter(
      (call) => call.appid === appid && call.tokenType === type && call.subject === subject,
    );
  }

  async #look(): Promise<void> {
    while (!this.#ended) {
      for (const value of this.#good) {
        if (this.wechat.isValid(value)) continue;
        this.#good.delete(value);
        this.#seenDeadAt.set(value, monotonicMs());
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

/** Lets the workers hand out all these keys until something has happened; what came of it, one a worker. */
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

/** On a clock that all processes of a machine have in common, and that nobody sets. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
