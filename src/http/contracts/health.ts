import { type HttpAnswer, jsonAnswer } from '../http-message.js';
import type { RouteContext } from '../route-context.js';
import type { Route } from '../router.js';
import { nativeContract } from './native.js';

/** How long ago the store may have answered last. */
const STORE_ANSWERED_WITHIN_MS = 10_000;

const LOOK_EVERY_MS = 1_000;

/** For load balancers and supervisors, who have no key. Neither depends on a task or on WeChat. */
export function healthRoutes(context: RouteContext): readonly Route[] {
  const readiness = new Readiness(context);
  const contract = nativeContract;
  return [
    {
      path: '/healthz',
      methods: ['GET'],
      scope: 'open',
      changes: false,
      contract,
      answer: () => jsonAnswer(200, { status: 'alive' }),
    },
    { path: '/readyz', methods: ['GET'], scope: 'open', changes: false, contract, answer: () => readiness.answer() },
  ];
}

/** Whether the manager has started, is not closing, and its store has answered lately. */
class Readiness {
  readonly #context: RouteContext;
  #storeAnsweredAt = Number.NEGATIVE_INFINITY;
  /** The last look at the store. No key is needed to ask for one, so that they have to be few while it fails too. */
  #look: { readonly at: number; readonly done: Promise<void> } | undefined;

  constructor(context: RouteContext) {
    this.#context = context;
  }

  async answer(): Promise<HttpAnswer> {
    const { engine } = this.#context;
    if (engine.isClosed) return notReady('the server is closing');
    try {
      await this.#lookAtStore();
    } catch {
      const isLate = engine.clock.monotonic() - this.#storeAnsweredAt > STORE_ANSWERED_WITHIN_MS;
      if (isLate) return notReady('the store has not answered');
    }
    const { total, troubled } = await this.#context.censuses.of(undefined);
    return jsonAnswer(200, { status: 'ready', tasks: { total, troubled } });
  }

  #lookAtStore(): Promise<void> {
    const now = this.#context.engine.clock.monotonic();
    if (this.#look === undefined || now - this.#look.at >= LOOK_EVERY_MS) {
      this.#look = { at: now, done: this.#askStore() };
    }
    return this.#look.done;
  }

  async #askStore(): Promise<void> {
    const { engine } = this.#context;
    await engine.start();
    if (engine.clock.monotonic() - this.#storeAnsweredAt < STORE_ANSWERED_WITHIN_MS / 2) return;
    await engine.store.now();
    this.#storeAnsweredAt = engine.clock.monotonic();
  }
}

function notReady(reason: string): HttpAnswer {
  return jsonAnswer(503, { status: 'not ready', reason });
}
