import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GiveBack, SharedSlots, type SlotUser } from '../../../../src/core/model/shared-slots.js';

const ONE: SlotUser = { appid: 'wx1', type: 'user_token' };
const SAME_TYPE: SlotUser = { appid: 'wx2', type: 'user_token' };
const OTHER_TYPE: SlotUser = { appid: 'wx1', type: 'access_token' };

/** Keeps what has begun, in order, with how each gives its slot back. */
class Works {
  readonly begun: { readonly user: SlotUser; readonly giveBack: GiveBack }[] = [];
  readonly #slots: SharedSlots;

  constructor(size: number) {
    this.#slots = new SharedSlots(size);
  }

  async demand(user: SlotUser, count = 1, signal?: AbortSignal): Promise<void> {
    for (let index = 0; index < count; index++) {
      this.#slots.take(user, signal).then(
        (giveBack) => this.begun.push({ user, giveBack }),
        () => {},
      );
    }
    await settled();
  }

  count(user: SlotUser): number {
    return this.begun.filter((work) => work.user === user).length;
  }

  async end(user: SlotUser, wasAnswered?: boolean): Promise<void> {
    const [ended] = this.begun.splice(
      this.begun.findIndex((work) => work.user === user),
      1,
    );
    ended?.giveBack(wasAnswered);
    await settled();
  }

  /** Ends all that runs, and what begins instead of it, without an answer. */
  async endAllSilently(): Promise<void> {
    while (this.begun.length > 0) await this.end((this.begun[0] as (typeof this.begun)[number]).user, false);
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

test('one app has at most 67 of 96 slots for a type, all apps 72, and other types the rest', async () => {
  const works = new Works(96);
  await works.demand(ONE, 1_000);
  expect(works.count(ONE)).toBe(67);
  await works.demand(SAME_TYPE, 1);
  expect(works.count(SAME_TYPE)).toBe(1);
  await works.demand(OTHER_TYPE, 10);
  expect(works.count(OTHER_TYPE)).toBe(10);
});

test('many apps whose work hangs leave slots to other types', async () => {
  const works = new Works(96);
  const apps = Array.from({ length: 500 }, (_unused, index) => ({ appid: `wx${index}`, type: 'authorizer' }));
  for (const app of apps) await works.demand(app, 2);
  expect(works.begun).toHaveLength(72);
  await works.demand(OTHER_TYPE, 5);
  expect(works.count(OTHER_TYPE)).toBe(5);
});

test('apps without a slot come first among the waiting, in the order in which they came', async () => {
  const works = new Works(4);
  await works.demand(ONE, 10);
  const others = ['a', 'b', 'c'].map((appid) => ({ appid, type: ONE.type }));
  for (const other of others) await works.demand(other, 2);
  const before = works.begun.length;
  for (let round = 0; round < 3; round++) await works.end(ONE);
  expect(works.begun.slice(-Math.min(before, 3)).some(({ user }) => user === ONE)).toBe(false);
  expect(works.count(others[0] as SlotUser)).toBeGreaterThan(0);
});

test('apps that got no answer the last time leave slots to another app of their type, however many they are', async () => {
  const works = new Works(96);
  const silent = Array.from({ length: 300 }, (_unused, index) => ({ appid: `silent${index}`, type: ONE.type }));
  for (const app of silent) await works.demand(app);
  await works.endAllSilently();
  for (const app of silent) await works.demand(app);
  expect(works.begun).toHaveLength(67);
  await works.demand(ONE, 3);
  expect(works.count(ONE)).toBe(3);
  for (const other of ['a', 'b']) await works.demand({ appid: other, type: ONE.type });
  await works.demand(SAME_TYPE);
  await works.end(silent[0] as SlotUser, false);
  expect(works.count(SAME_TYPE)).toBe(1);
});

test('apps that were silent take turns, and one that has got an answer counts like any other', async () => {
  const works = new Works(4);
  const other = { appid: 'other', type: ONE.type };
  for (const user of [ONE, SAME_TYPE]) {
    await works.demand(user);
    await works.end(user, false);
  }
  await works.demand(other, 3);
  for (const user of [ONE, SAME_TYPE]) await works.demand(user, 3);
  for (let round = 0; round < 3; round++) await works.end(other, true);
  expect(works.begun.map(({ user }) => user.appid)).toEqual(['wx1', 'wx2', 'wx1']);
  await works.end(SAME_TYPE, true);
  expect(works.begun.map(({ user }) => user.appid)).toEqual(['wx1', 'wx1', 'wx2']);
  await works.end(ONE, false);
  expect(works.begun.map(({ user }) => user.appid)).toEqual(['wx1', 'wx2', 'wx2']);
});

test('releasing a slot twice releases one', async () => {
  const slots = new SharedSlots(2);
  const giveBack = await slots.take(ONE);
  await slots.take(SAME_TYPE);
  giveBack();
  giveBack();
  const begun: string[] = [];
  for (const name of ['a', 'b']) void slots.take({ appid: name, type: 't' }).then(() => begun.push(name));
  await settled();
  expect(begun).toEqual(['a']);
});

test('a wait that is aborted takes no slot', async () => {
  const works = new Works(4);
  await works.demand(ONE, 10);
  const controller = new AbortController();
  await works.demand(SAME_TYPE, 1, controller.signal);
  const begun = works.count(SAME_TYPE);
  controller.abort('enough');
  await settled();
  for (let left = works.count(ONE); left > 0; left--) await works.end(ONE);
  expect(works.count(SAME_TYPE)).toBe(begun);
  await expect(new SharedSlots(1).take(ONE, AbortSignal.abort('enough'))).rejects.toBe('enough');
});

test('an app holds fewer than three times the slots that it leaves of the share of its type', async () => {
  const works = new Works(13);
  await works.demand(ONE, 20);
  // With nine slots, it leaves three of the twelve that its type could hold now.
  expect(works.count(ONE)).toBe(9);
});

test('an app that has released its slots may hold as many as before, however often it has held some', async () => {
  const works = new Works(96);
  for (let round = 0; round < 100; round++) {
    await works.demand(ONE);
    await works.end(ONE);
  }
  await works.demand(ONE, 1_000);
  expect(works.count(ONE)).toBe(67);
});

test('an app that has released one of its slots may hold one more, and no further ones', async () => {
  const works = new Works(96);
  await works.demand(ONE, 67);
  await works.end(ONE);
  await works.demand(ONE, 1_000);
  expect(works.count(ONE)).toBe(67);
});

describe('the order of those that wait', () => {
  test.each([
    [ONE, OTHER_TYPE],
    [OTHER_TYPE, ONE],
  ])('the type that holds the fewest slots gets the next one: %j before %j', async (busy, idle) => {
    for (const waiting of [
      [busy, idle],
      [idle, busy],
    ]) {
      const works = new Works(4);
      await works.demand(busy, 3);
      await works.demand(idle);
      for (const { type } of waiting) await works.demand({ appid: 'waits', type });
      await works.end(busy);
      expect(works.begun.at(-1)?.user).toEqual({ appid: 'waits', type: idle.type });
    }
  });

  test.each([
    ['a', 'b'],
    ['b', 'a'],
  ])(
    'of the apps that hold slots, the one with the fewest gets the next, whether it waits from before: %s, %s',
    async (...waiting) => {
      const works = new Works(16);
      const apps = { a: { appid: 'a', type: ONE.type }, b: { appid: 'b', type: ONE.type } };
      await works.demand(ONE, 6);
      await works.demand(apps.a, 4);
      await works.demand(apps.b, 2);
      for (const appid of waiting) await works.demand(apps[appid as 'a' | 'b']);
      await works.end(ONE);
      expect([works.count(apps.a), works.count(apps.b)]).toEqual([4, 3]);
    },
  );

  test('of the apps that hold as many slots, the one that waits for the longest time gets the next', async () => {
    const works = new Works(16);
    const [a, b] = ['a', 'b'].map((appid) => ({ appid, type: ONE.type })) as [SlotUser, SlotUser];
    await works.demand(ONE, 6);
    for (const app of [a, b]) await works.demand(app, 3);
    for (const app of [b, a]) await works.demand(app);
    await works.end(ONE);
    expect([works.count(a), works.count(b)]).toEqual([3, 4]);
  });

  test('an app keeps its turn when it demands another slot', async () => {
    const works = new Works(4);
    const [a, b] = ['a', 'b'].map((appid) => ({ appid, type: ONE.type })) as [SlotUser, SlotUser];
    await works.demand(ONE, 3);
    for (const app of [a, b, a]) await works.demand(app);
    await works.end(ONE);
    expect([works.count(a), works.count(b)]).toEqual([1, 0]);
  });
});

describe('what the outcome of work says about an app', () => {
  const apps = Array.from({ length: 100 }, (_unused, index): SlotUser => ({ appid: `app${index}`, type: ONE.type }));

  async function endEach(works: Works, ...outcomes: (boolean | undefined)[]): Promise<void> {
    for (const app of apps) {
      for (const wasAnswered of outcomes) {
        await works.demand(app);
        await works.end(app, wasAnswered);
      }
    }
  }

  test.each<[string, (boolean | undefined)[]]>([
    ['received an answer', [true]],
    ['received an answer after none', [false, true]],
    ['ended in a way that says nothing', [undefined]],
  ])('apps may hold the whole share of their type when their last work %s', async (_name, outcomes) => {
    const works = new Works(96);
    await endEach(works, ...outcomes);
    for (const app of apps) await works.demand(app);
    expect(works.begun).toHaveLength(72);
  });

  test('an app remains silent when its next work ends in a way that says nothing', async () => {
    const works = new Works(96);
    await endEach(works, false, undefined);
    for (const app of apps) await works.demand(app);
    expect(works.begun).toHaveLength(67);
  });

  test('silent apps may hold as many slots as before once their work has ended, while another app holds one', async () => {
    const works = new Works(96);
    await works.demand(ONE);
    await endEach(works, false);
    for (let round = 0; round < 3; round++) {
      for (const app of apps) await works.demand(app);
      expect(works.begun).toHaveLength(1 + 66);
      while (works.begun.length > 1) await works.end(works.begun[1]?.user as SlotUser, false);
    }
  });

  test('the slots of other apps do not count as those of silent ones', async () => {
    const works = new Works(96);
    await endEach(works, false);
    await works.demand(ONE, 20);
    for (const app of apps) await works.demand(app);
    expect(works.begun).toHaveLength(20 + 48);
  });
});

test('running work never exceeds the slots, no work waits that has room, and all of it runs in the end', async () => {
  const user = fc.record({ appid: fc.constantFrom('a', 'b', 'c'), type: fc.constantFrom('t', 'u') });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.option(user), { maxLength: 60 }),
      async (size, steps) => {
        const slots = new SharedSlots(size);
        const running: GiveBack[] = [];
        let demanded = 0;
        let ended = 0;
        for (const step of steps) {
          if (step === null) {
            const giveBack = running.shift();
            if (giveBack !== undefined) ended++;
            giveBack?.([true, false, undefined][ended % 3]);
          } else {
            demanded++;
            void slots.take(step).then((giveBack) => running.push(giveBack));
          }
          await settled();
          expect(running.length).toBeLessThanOrEqual(size);
          if (demanded > ended) expect(running.length).toBeGreaterThan(0);
        }
        for (let giveBack = running.shift(); giveBack !== undefined; giveBack = running.shift()) {
          giveBack();
          ended++;
          await settled();
        }
        expect(ended).toBe(demanded);
      },
    ),
  );
});
