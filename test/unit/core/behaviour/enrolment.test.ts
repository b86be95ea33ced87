import { describe, expect, test } from 'vitest';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import type { TokenManager, TokenStore } from '../../../../src/index.js';
import { shared } from '../../../support/stores/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const APP_ID = `app/${APPID}`;
const TASK_ID = `task/${APPID}/${TYPE}`;
const KEY_ID = `key/${APPID}/${TYPE}`;

/** A WeChat whose tokens name the secret that they were asked for with, a second later. */
class SlowWorld extends World {
  constructor() {
    super();
    this.wechat.always = async ({ app }) => {
      await new Promise<void>((resolve) => void this.clock.setTimer(resolve, 1_000));
      return { value: `of ${app.secret}` };
    };
  }

  async register(tokens: TokenManager, secret: string): Promise<void> {
    await this.within(100, tokens.register({ appid: APPID, secret, tasks: [TYPE] }));
  }

  async unregister(tokens: TokenManager): Promise<void> {
    await this.within(100, tokens.unregister(APPID));
  }

  async content(id: string): Promise<Record<string, unknown> | undefined> {
    const [document] = await this.store.get([id]);
    return document === undefined ? undefined : unseal(document);
  }

  /** Changes what is stored, as another release or a process that died half-way left it. */
  async rewrite(id: string, change: (content: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
    const [document] = await this.store.get([id]);
    const content = change(document === undefined ? {} : { ...unseal(document) });
    const { version = 0, due } = document ?? {};
    await this.store.set(id, seal(id, content as never), version, due === undefined ? {} : { due });
  }
}

/** A store of which a process hears nothing about the documents that a test names, until its connection is back. */
class DeafStore {
  readonly store: TokenStore;
  #reconnect: () => void = () => {};

  constructor(store: TokenStore, ...ids: string[]) {
    this.store = {
      ...shared(store),
      watch: async (changed) => {
        this.#reconnect = () => changed(undefined);
        const heard = (id?: string): void => {
          if (id === undefined || !ids.includes(id)) changed(id);
        };
        return (await store.watch?.(heard)) ?? (async () => {});
      },
    };
  }

  reconnect(): void {
    this.#reconnect();
  }
}

describe('an app that is unregistered and registered anew', () => {
  test.each([
    ['the process that asked', 0],
    ['another process', 1],
  ])(
    'an app that is registered anew takes nothing that was asked for before, also where %s did it',
    async (_, index) => {
      await using world = new SlowWorld();
      const both = [world.manager(), world.manager()] as const;
      const again = both[index as 0 | 1];
      await both[1].start();
      await world.register(both[0], 'old');
      await world.clock.advance(200);
      expect(world.wechat.calls).toBe(1);
      await world.unregister(again);
      await world.register(again, 'new');
      const values = await world.within(5_000, Promise.all(both.map((tokens) => tokens.get(APPID, TYPE))));
      expect(values).toEqual(['of new', 'of new']);
      expect(await world.content(KEY_ID)).toMatchObject({ grant: { value: 'of new' } });
    },
  );

  test('a process that missed the unregistration in between notices that an app was registered anew', async () => {
    await using world = new SlowWorld();
    const deaf = new DeafStore(world.store, APP_ID, TASK_ID, KEY_ID);
    const [one, other] = [world.manager(), world.manager({ store: deaf.store })];
    await world.register(one, 'old');
    await other.start();
    expect(await world.within(5_000, other.get(APPID, TYPE))).toBe('of old');
    await world.unregister(one);
    await world.register(one, 'new');
    expect(await world.within(5_000, one.get(APPID, TYPE))).toBe('of new');
    deaf.reconnect();
    await world.clock.advance(1_000);
    expect(await world.within(5_000, other.get(APPID, TYPE))).toBe('of new');
  });

  test('an app that is registered anew has another mark, and one that is registered again has the same', async () => {
    await using world = new SlowWorld();
    const tokens = world.manager();
    const marks: unknown[] = [];
    const note = async (): Promise<void> => {
      const [app, task] = await Promise.all([APP_ID, TASK_ID].map((id) => world.content(id)));
      marks.push(`${app?.['enrolment']} ${task?.['enrolment']}`);
    };
    await world.register(tokens, 'first');
    await note();
    await world.register(tokens, 'second');
    await note();
    await world.unregister(tokens);
    await world.register(tokens, 'second');
    await note();
    expect(marks[0]).toMatch(/^[0-9a-f]{12} [0-9a-f]{12}$/);
    expect(marks[1]).toBe(marks[0]);
    expect(marks[2]).not.toBe(marks[0]);
  });
});

describe('tokens that stay current', () => {
  test('a token stays current when the secret, the params or the target of its task change', async () => {
    await using world = new SlowWorld();
    const tokens = world.manager();
    await world.register(tokens, 'old');
    expect(await world.within(5_000, tokens.get(APPID, TYPE))).toBe('of old');
    await world.register(tokens, 'new');
    const task = { type: TYPE, params: { code: 1 } } as const;
    await world.within(100, tokens.register({ appid: APPID, tasks: [task] }));
    expect(await world.within(5_000, tokens.get(APPID, TYPE))).toBe('of old');
    expect(world.wechat.calls).toBe(1);
  });

  test('a token stays current when its key gets a task', async () => {
    await using world = new SlowWorld();
    const tokens = world.manager();
    await world.within(100, tokens.register({ appid: APPID, secret: SECRET }));
    await world.within(5_000, tokens.get(APPID, TYPE));
    await world.within(100, tokens.register({ appid: APPID, tasks: [TYPE] }));
    await world.within(5_000, tokens.get(APPID, TYPE));
    expect(world.wechat.calls).toBe(1);
  });

  test.each([
    ['the app', APP_ID],
    ['the task', TASK_ID],
    ['the token', KEY_ID],
  ])('a token stays current when an earlier release wrote %s, without a mark', async (_, id) => {
    await using world = new SlowWorld();
    const tokens = world.manager();
    await world.register(tokens, SECRET);
    await world.within(5_000, tokens.get(APPID, TYPE));
    await tokens.close();
    await world.rewrite(id, ({ enrolment, ...content }) => {
      expect(enrolment).toBeDefined();
      return content;
    });
    expect(await world.within(5_000, world.manager().get(APPID, TYPE))).toBe(`of ${SECRET}`);
    expect(world.wechat.calls).toBe(1);
  });

  test('a token stays current when its reader has not yet been notified of the registration', async () => {
    await using world = new SlowWorld();
    const deaf = new DeafStore(world.store, APP_ID, TASK_ID);
    const [one, other] = [world.manager(), world.manager({ store: deaf.store })];
    await world.register(one, 'old');
    await other.start();
    await world.within(5_000, other.get(APPID, TYPE));
    await world.unregister(one);
    await world.register(one, 'new');
    await world.within(5_000, one.get(APPID, TYPE));
    const calls = world.wechat.calls;
    await world.clock.advance(1_000);
    expect(await world.within(5_000, other.get(APPID, TYPE))).toBe('of new');
    expect(world.wechat.calls).toBe(calls);
  });
});

test('a token that a half-finished unregistration has left behind is not answered', async () => {
  await using world = new SlowWorld();
  const tokens = world.manager();
  await world.register(tokens, 'new');
  await world.within(5_000, tokens.get(APPID, TYPE));
  await tokens.close();
  await world.rewrite(KEY_ID, (content) => ({ ...content, enrolment: { app: 'an-old-one' } }));
  world.wechat.next({ value: 'anew' });
  expect(await world.within(5_000, world.manager().get(APPID, TYPE))).toBe('anew');
  expect(await world.content(KEY_ID)).toMatchObject({ grant: { value: 'anew' } });
});
