import { describe, expect, test } from 'vitest';
import { wait } from '../../../../src/core/concurrency/clock.js';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import type { CallbackPort } from '../../../../src/core/model/callback-port.js';
import { unseal } from '../../../../src/core/store/document-codec.js';
import { HISTORY_ID } from '../../../../src/core/store/history-document.js';
import type { TokenError, TokenManager } from '../../../../src/index.js';
import { CLOSES_WITHIN_MS, ClosableStore, closable, closed, isQuiet } from '../../../support/stores/closable-store.js';
import { shared } from '../../../support/stores/shared-store.js';
import { attachDeliveries } from '../../../support/worlds/attached-deliveries.js';
import { RotatingWorld, USER } from '../../../support/worlds/rotating-world.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const forever = (): Promise<never> => new Promise(() => {});

function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: TokenError) => error.code,
  );
}

/** Returns what is stored of the app, without the marks, which are random, and without what makes a key due. */
async function documents(world: World): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const kind of ['app', 'task', 'key']) {
    for await (const document of world.store.list(kind)) {
      const { enrolment: _enrolment, grant, ...content } = unseal(document);
      const value = (grant as { value?: string } | undefined)?.value;
      if (kind !== 'key' || value !== undefined) found[document.id] = kind === 'key' ? value : content;
    }
  }
  return found;
}

interface Operation {
  readonly prepare: (tokens: TokenManager) => Promise<unknown>;
  readonly run: (tokens: TokenManager) => Promise<unknown>;
}

const GRANT = { value: 'put', expiresInSeconds: 7_200 };
const register = (tokens: TokenManager): Promise<void> =>
  tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE, { type: TYPE, subject: 'b' }] });

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'a first register': { prepare: (tokens) => tokens.start(), run: register },
  'a register of another task': {
    prepare: (tokens) => tokens.register({ appid: APPID, secret: 'before', tasks: [TYPE] }),
    run: register,
  },
  'an unregister of an app': { prepare: register, run: (tokens) => tokens.unregister(APPID) },
  'an unregister of a task': { prepare: register, run: (tokens) => tokens.unregister(APPID, TYPE) },
  'a put': { prepare: register, run: (tokens) => tokens.put(APPID, TYPE, GRANT) },
};

const SLOW_MS = 1_000;

/** What stands in the store before and after an operation, and what comes of it when the manager is closed meanwhile. */
async function runClosedAfter(operation: Operation, ms: number) {
  await using world = new World();
  world.wechat.always = () => new Promise(() => {});
  const { store, tokens } = closable(world);
  await operation.prepare(tokens);
  const before = await documents(world);
  store.slow(() => wait(world.clock, SLOW_MS));
  const running = outcome(operation.run(tokens));
  await world.clock.advance(ms);
  const took = await closed(world, tokens);
  const after = await documents(world);
  return { before, after, came: await running, took, quiet: await isQuiet(world, store) };
}

async function wholeOf(operation: Operation): Promise<Record<string, unknown>> {
  await using world = new World();
  world.wechat.always = () => new Promise(() => {});
  const { tokens } = closable(world);
  await operation.prepare(tokens);
  await operation.run(tokens);
  return documents(world);
}

describe('operations under way when the manager is closed', () => {
  test.each(Object.keys(OPERATIONS))(
    '%s during which the manager closes is whole, or CLOSED with nothing of it stored',
    async (name) => {
      const operation = OPERATIONS[name] as Operation;
      const whole = await wholeOf(operation);
      const came = new Set<string>();
      for (let ms = 0; ms <= 14_000; ms += SLOW_MS / 2) {
        const run = await runClosedAfter(operation, ms);
        expect([ms, run.after]).toEqual([ms, run.came === 'done' ? whole : run.before]);
        expect(['done', 'CLOSED']).toContain(run.came);
        expect([ms, run.took <= CLOSES_WITHIN_MS, run.quiet]).toEqual([ms, true, [0, 0]]);
        came.add(run.came);
      }
      expect([...came].toSorted()).toEqual(['CLOSED', 'done']);
    },
  );

  test.each(['a register', 'an unregister'])(
    '%s that waits for another process is CLOSED at once by close',
    async (name) => {
      await using world = new World();
      const { store, tokens } = closable(world);
      await register(tokens);
      await world.store.lease(`app/${APPID}`, 20_000);
      const waiting = outcome(
        name === 'a register' ? tokens.register({ appid: APPID, secret: 'x' }) : tokens.unregister(APPID),
      );
      await world.clock.advance(5_000);
      const before = await documents(world);
      expect(await closed(world, tokens)).toBe(0);
      expect([await waiting, await documents(world)]).toEqual(['CLOSED', before]);
      expect(await isQuiet(world, store)).toEqual([0, 0]);
    },
  );

  test('a register that waits for its turn behind another one is CLOSED by close, and that one is whole', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await tokens.start();
    store.slow(() => wait(world.clock, SLOW_MS));
    const first = outcome(register(tokens));
    const second = outcome(tokens.register({ appid: APPID, secret: 'second' }));
    await world.clock.advance(2_500);
    await closed(world, tokens);
    expect([await first, await second]).toEqual(['done', 'CLOSED']);
    expect((await documents(world))[`app/${APPID}`]).toMatchObject({ secret: SECRET });
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('a register under way is written to the store history too before the store is closed', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await tokens.start();
    await world.manager().register({ appid: 'wx1', secret: SECRET });
    const [before] = await world.store.get([HISTORY_ID]);
    store.slow(() => wait(world.clock, SLOW_MS));
    const registering = outcome(register(tokens));
    await world.clock.advance(2_500);
    await closed(world, tokens);
    const [after] = await world.store.get([HISTORY_ID]);
    expect(await registering).toBe('done');
    expect(after?.version).toBeGreaterThan(before?.version as number);
  });

  test('a params function that never answers ends at once on close, and its failure is no event', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: forever }] });
    const got = outcome(tokens.get(APPID, TYPE));
    await world.clock.advance(100);
    expect(await closed(world, tokens)).toBe(0);
    expect([await got, world.log]).toEqual(['CLOSED', []]);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('a params URL that never answers is aborted at once on close', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    let asking: AbortSignal | undefined;
    const port: CallbackPort = {
      typeNumbers: 'standard',
      assertUrl: () => {},
      askParams: (_url, _key, signal) => {
        asking = signal;
        return forever();
      },
      start: () => {},
      taskChanged: () => {},
      taskRemoved: () => {},
      deliver: async () => {},
      stop: async () => {},
    };
    engineOf(tokens).attach(port);
    world.wechat.dependencies = [{ appid: APPID, type: 'component_verify_ticket' }];
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, params: 'http://shop.test/' }] });
    const got = outcome(tokens.get(APPID, TYPE));
    await world.clock.advance(100);
    expect(asking?.aborted).toBe(false);
    expect(await closed(world, tokens)).toBe(0);
    expect([asking?.aborted, await got, world.log]).toEqual([true, 'CLOSED', []]);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('a refresh that polls for the result of another process makes no further pause on close', async () => {
    await using world = new World({ random: 0.9 });
    const { store, tokens } = closable(world);
    await tokens.register({ appid: APPID, secret: SECRET });
    await world.store.lease(`key/${APPID}/${TYPE}`, 20_000);
    let closing: Promise<number> | undefined;
    store.before = (method) => {
      store.fail(method);
      if (method !== 'lease') return;
      closing ??= closed(world, tokens);
      return wait(world.clock, 100);
    };
    const got = outcome(tokens.get(APPID, TYPE));
    await world.clock.advance(1_000);
    expect(await closing).toBe(100);
    expect(await got).toBe('CLOSED');
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('a call that waits for other processes to replace a token is CLOSED by close', async () => {
    await using world = new World();
    const first = await world.registered();
    await first.get(APPID, TYPE);
    const store = new ClosableStore(shared(world.store));
    const follower = world.manager({ store, refresh: 'never' });
    world.wechat.always = () => new Promise(() => {});
    await follower.start();
    const replaced = outcome(follower.refresh(APPID, TYPE, { stale: 'token-1' }));
    await world.clock.advance(1_100);
    expect(await closed(world, follower)).toBe(0);
    expect([await replaced, store.commandsAfterClose]).toEqual(['CLOSED', 0]);
  });

  test('a call whose answer stalls gets that answer on close, without a look at the rest', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await register(tokens);
    await tokens.get(APPID, TYPE);
    const stalled = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) });
    const response = new Response(stalled, { headers: { 'content-type': 'application/json' } });
    const called = tokens.call(APPID, TYPE, () => response);
    await world.clock.advance(1_000);
    await closed(world, tokens);
    expect([world.clock.pendingTimers, await called]).toEqual([0, response]);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('a delivery that has not been sent on close is left to the next process', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    let sent = 0;
    const requests = {
      send: async () => {
        sent += 1;
        return { status: 204, body: Buffer.alloc(0) };
      },
    };
    attachDeliveries({ engine: engineOf(tokens), requests, secrets: [] });
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, notify: 'http://shop.test/' }] });
    let closing: Promise<number> | undefined;
    store.before = (method, id) => {
      store.fail(method);
      if (method !== 'lease' || !id?.startsWith('delivery/')) return;
      closing ??= closed(world, tokens);
      return wait(world.clock, SLOW_MS);
    };
    await world.clock.advance(10_000);
    expect(await closing).toBeLessThanOrEqual(3_000);
    expect(sent).toBe(0);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });

  test('a store command that hangs does not extend the bound of close, and nothing follows its answer', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await register(tokens);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    store.slow(() => held);
    const put = outcome(tokens.put(APPID, TYPE, GRANT));
    const got = outcome(tokens.getRecord(APPID, TYPE, { subject: 'b' }));
    await world.clock.advance(500);
    expect(await closed(world, tokens)).toBeLessThanOrEqual(CLOSES_WITHIN_MS);
    expect(world.clock.pendingTimers).toBe(0);
    release();
    expect(await isQuiet(world, store)).toEqual([0, 0]);
    expect([await put, await got]).toEqual(['STORE_UNAVAILABLE', expect.stringMatching(/CLOSED|STORE_UNAVAILABLE/)]);
  });

  test('a large register that is interrupted by close leaves at most a beginning, within the bound', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await tokens.start();
    store.slow(() => wait(world.clock, SLOW_MS));
    const tasks = Array.from({ length: 1_000 }, (_unused, index) => ({ type: TYPE, subject: `u${index}` }) as const);
    const registering = outcome(tokens.register({ appid: APPID, secret: SECRET, tasks }));
    await world.clock.advance(5_000);
    expect(await closed(world, tokens)).toBeLessThanOrEqual(CLOSES_WITHIN_MS);
    expect(await registering).toBe('CLOSED');
    expect(await isQuiet(world, store)).toEqual([0, 0]);
    const stored = Object.keys(await documents(world));
    expect([stored.includes(`app/${APPID}`), stored.length < tasks.length]).toEqual([false, true]);
  });
});

describe('close with a store that rejects writes', () => {
  test.each([
    ['works again after 10 s', 10_000, 'refresh-2'],
    ['works again after 16 s', 16_000, 'refresh-2'],
    ['does not work again within the bound', 60_000, 'refresh-1'],
  ])('a refresh token is offered on close to a store that fails until the store %s', async (_, awayMs, token) => {
    await using world = new RotatingWorld();
    const store = new ClosableStore(shared(world.store));
    const tokens = world.process({ store });
    world.upstream.answering = () => {
      store.before = (method) => {
        store.fail(method);
        if (method === 'set') throw new Error('away');
      };
    };
    await world.register(tokens, { refresh_token: world.upstream.authorize() });
    await expect(tokens.get(APPID, 'user_token', USER)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    world.clock.setTimer(() => {
      store.before = (method) => store.fail(method);
    }, awayMs);
    const took = await closed(world, tokens);
    expect([took <= CLOSES_WITHIN_MS, took >= Math.min(awayMs, 17_000)]).toEqual([true, true]);
    const timers = awayMs > took ? 1 : 0;
    expect(world.clock.pendingTimers).toBe(timers);
    expect([await world.storedToken(), (await isQuiet(world, store))[1]]).toEqual([
      token === 'refresh-2' ? token : undefined,
      0,
    ]);
  });

  test('a store that fails is not reported as available because it can be closed', async () => {
    await using world = new World();
    const { store, tokens } = closable(world);
    await register(tokens);
    await world.clock.advance(1_000);
    store.before = (method) => {
      store.fail(method);
      if (method === 'set' || method === 'get') throw new Error('away');
    };
    await outcome(tokens.register({ appid: APPID, secret: 'other' }));
    world.log.length = 0;
    await closed(world, tokens);
    expect(world.log).toEqual([]);
    expect(await isQuiet(world, store)).toEqual([0, 0]);
  });
});
