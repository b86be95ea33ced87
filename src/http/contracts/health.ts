import { type HttpAnswer, jsonAnswer } from '../http-message.js';
import type { RouteContext } from '../route-context.js';
import type { Route } from '../router.js';
import { nativeContract } from './native.js';

/** How long ago the store may have answered last. */
const STORE_ANSWERED_WITHIN_MS = 10_000;
const COUNT_EVERY_MS = 5_000;

interface TaskCount {
  readonly total: number;
  readonly troubled: number;
}

/** For load balancers and supervisors, who have no key. Neither depends on a task or on WeChat. */
export function healthRoutes(context: RouteContext): readonly Route[] {
  const readiness = new Readiness(context);
  const contract = nativeContract;
  return [
    { path: '/healthz', methods: ['GET'], scope: 'open', contract, answer: () => jsonAnswer(200, { status: 'alive' }) },
    { path: '/readyz', methods: ['GET'], scope: 'open', contract, answer: () => readiness.answer() },
  ];
}

/** Whether the manager has started, is not closing, and its store has answered lately. */
class Readiness {
  readonly #context: RouteContext;
  #storeAnsweredAt = Number.NEGATIVE_INFINITY;
  #count: TaskCount | undefined;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(context: RouteContext) {
    this.#context = context;
  }

  async answer(): Promise<HttpAnswer> {
    const { engine } = this.#context;
    if (engine.isClosed) return notReady('the server is closing');
    try {
      await engine.start();
      await this.#askStore();
    } catch {
      const isLate = engine.clock.monotonic() - this.#storeAnsweredAt > STORE_ANSWERED_WITHIN_MS;
      if (isLate) return notReady('the store has not answered');
    }
    return jsonAnswer(200, { status: 'ready', tasks: this.#countTasks() });
  }

  async #askStore(): Promise<void> {
    const { engine } = this.#context;
    if (engine.clock.monotonic() - this.#storeAnsweredAt < STORE_ANSWERED_WITHIN_MS / 2) return;
    await engine.store.now();
    this.#storeAnsweredAt = engine.clock.monotonic();
  }

  /** Counted once in a while: everybody may ask, and there may be a million. */
  #countTasks(): TaskCount {
    const now = this.#context.engine.clock.monotonic();
    if (this.#count === undefined || now - this.#countedAt >= COUNT_EVERY_MS) {
      this.#count = this.#countAll();
      this.#countedAt = now;
    }
    return this.#count;
  }

  #countAll(): TaskCount {
    const { registry, records, failures } = this.#context.engine;
    let total = 0;
    let troubled = 0;
    for (const { key } of registry.tasks()) {
      total += 1;
      const held = records.cache.get(key);
      const isUsable = held !== undefined && records.leftMs(held) > 0;
      if (!isUsable && failures.retryAt(key) !== undefined) troubled += 1;
    }
    return { total, troubled };
  }
}

function notReady(reason: string): HttpAnswer {
  return jsonAnswer(503, { status: 'not ready', reason });
}
