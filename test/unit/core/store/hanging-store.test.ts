import { beforeEach, describe, expect, test } from 'vitest';
import type { TokenError } from '../../../../src/core/model/errors.js';
import type { Lease, StoredDocument, TokenStore } from '../../../../src/core/model/store.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { failure } from '../../wechat/failure.js';

const ID = 'key/wx1/access_token';
const CALLERS = 1_000;
/** What a store is given to read at the same time. */
const AT_ONCE = 64;

interface Asked {
  readonly method: string;
  answer(): void;
  refuse(): void;
}

/** Answers, refuses, or says nothing until a test does. */
class ScriptedStore implements TokenStore {
  behaviour: 'answers' | 'refuses' | 'hangs' = 'answers';
  readonly asked: Asked[] = [];
  now = (): Promise<number> => this.#ask('now', 0);
  get = (): Promise<(StoredDocument | undefined)[]> => this.#ask('get', [undefined]);
  set = (): Promise<number> => this.#ask('set', 1);
  delete = (): Promise<boolean> => this.#ask('delete', true);
  lease = (): Promise<undefined> => this.#ask('lease', undefined);
  claimDue = (): Promise<Lease[]> => this.#ask('claimDue', []);
  watch = (): Promise<() => Promise<void>> => this.#ask('watch', () => this.#ask('watch end', undefined));
  close = (): Promise<void> => this.#ask('close', undefined);
  release = (): Promise<void> => this.#ask('release', undefined);

  list(): AsyncIterable<StoredDocument> {
    const document = { id: ID, version: 1, data: {} };
    const next = (): Promise<IteratorResult<StoredDocument>> => this.#ask('list', { done: false, value: document });
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  /** What it has been asked since this was called last. */
  news(): Asked[] {
    return this.asked.splice(0);
  }

  #ask<Result>(method: string, result: Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const asked = { method, answer: () => resolve(result), refuse: () => reject(new Error('refused')) };
      this.asked.push(asked);
      if (this.behaviour === 'answers') asked.answer();
      if (this.behaviour === 'refuses') asked.refuse();
    });
  }
}

interface Outcomes {
  answered: number;
  readonly errors: TokenError[];
}

let clock: FakeClock;
let script: ScriptedStore;
let store: SupervisedStore;
let edges: string[];

beforeEach(() => {
  clock = new FakeClock();
  script = new ScriptedStore();
  edges = [];
  store = new SupervisedStore(script, clock, {
    unavailable: ({ message }) => void edges.push(message),
    available: () => void edges.push('available'),
  });
});

function callers(command: () => Promise<unknown> = () => store.get([ID]), count: number = CALLERS): Outcomes {
  const outcomes: Outcomes = { answered: 0, errors: [] };
  for (let caller = 0; caller < count; caller++) {
    command().then(
      () => outcomes.answered++,
      (error: TokenError) => outcomes.errors.push(error),
    );
  }
  return outcomes;
}

/** So many reads have been sent to a store that hangs, and have timed out. */
async function hang(count: number): Promise<Asked[]> {
  script.behaviour = 'hangs';
  callers(undefined, count);
  await clock.advance(2_000);
  return script.news();
}

const TIMED_OUT = "the store's get did not answer within 2000 ms";

describe('SupervisedStore: a hanging store', () => {
  test('a thousand callers of a hanging store are rejected, all but a few at once', async () => {
    await hang(1);
    const outcomes = callers();
    await clock.advance(0);
    expect(script.news()).toHaveLength(3);
    expect(outcomes.errors).toHaveLength(997);
    const error = outcomes.errors[0] as TokenError;
    expect(error).toMatchObject({ name: 'TokenError', code: 'STORE_UNAVAILABLE', retryable: true });
    expect(error.message).toBe('the store has not answered for 2 s');
    expect(error.cause).toBeUndefined();
    await clock.advance(2_000);
    expect([outcomes.errors.length, outcomes.answered, clock.pendingTimers]).toEqual([CALLERS, 0, 0]);
    expect(edges).toEqual([TIMED_OUT]);
  });

  test('a hanging store is asked once in 2 s, however many answers it owes and however many callers wait', async () => {
    // Queued callers are rejected together with the first, except one that probes the store.
    expect(await hang(CALLERS)).toHaveLength(AT_ONCE + 1);
    const outcomes: Outcomes[] = [];
    for (let elapsed = 0; elapsed < 10_000; elapsed += 250) {
      outcomes.push(callers());
      await clock.advance(250);
    }
    expect(script.news()).toHaveLength(4);
    await clock.advance(2_000);
    expect(outcomes.map(({ errors }) => errors.length)).toEqual(outcomes.map(() => CALLERS));
    expect(outcomes.at(-1)?.errors[0]?.message).toBe('the store has not answered for 12 s');
    expect(edges).toEqual([TIMED_OUT]);
  });

  test.each([
    ['now', () => store.now()],
    ['get', () => store.get([ID])],
    ['list', () => store.list('key')[Symbol.asyncIterator]().next()],
    ['watch', () => store.watch(() => {})],
  ])('a %s does not reach a store whose reads hang', async (_, read) => {
    await hang(8);
    callers(undefined, 1);
    script.news();
    expect((await failure(read())).message).toBe('the store has not answered for 2 s');
    expect(script.news()).toEqual([]);
  });

  test.each([
    ['set', () => store.set(ID, {}, 0)],
    ['delete', () => store.delete(ID, 1)],
    ['lease', () => store.lease(ID, 1)],
    ['claimDue', () => store.claimDue(['a'], 1, 1)],
  ])('a %s does not reach a store whose writes hang', async (_, write) => {
    script.behaviour = 'hangs';
    callers(() => store.set(ID, {}, 0), 8);
    await clock.advance(2_000);
    callers(() => store.set(ID, {}, 0), 1);
    script.news();
    expect((await failure(write())).message).toBe('the store has not answered for 2 s');
    expect(script.news()).toEqual([]);
  });

  test('the next page of a listing is not read from a hanging store', async () => {
    const documents = store.list('key')[Symbol.asyncIterator]();
    await documents.next();
    await hang(8);
    callers(undefined, 1);
    script.news();
    expect((await failure(documents.next())).code).toBe('STORE_UNAVAILABLE');
    expect(script.news()).toEqual([]);
  });

  test('ends of watches, releases and closing always reach a hanging store', async () => {
    const end = await store.watch(() => {});
    await hang(8);
    callers(() => store.set(ID, {}, 0), 8);
    await clock.advance(2_000);
    callers(undefined, 1);
    callers(() => store.set(ID, {}, 0), 1);
    script.news();
    const all = [end(), store.release({ id: ID, document: undefined, release: script.release }), end()];
    const closing = failure(store.close());
    expect(script.news().map(({ method }) => method)).toEqual(['watch end', 'release', 'watch end']);
    await clock.advance(2_000);
    expect(script.news().map(({ method }) => method)).toEqual(['close']);
    await clock.advance(2_000);
    expect(await Promise.all(all)).toHaveLength(3);
    expect((await closing).message).toBe("the store's close did not answer within 2000 ms");
  });

  test('a store that hangs for reading only is still written to', async () => {
    await hang(8);
    script.behaviour = 'answers';
    const outcomes = callers(() => store.set(ID, {}, 0));
    await clock.advance(0);
    expect(outcomes.answered).toBe(CALLERS);
    expect([edges, store.failing]).toEqual([[TIMED_OUT], true]);
  });

  test('beginning a listing is no sign of life of a hanging store', async () => {
    await hang(1);
    const listing = failure(store.list('key')[Symbol.asyncIterator]().next());
    await clock.advance(1_999);
    expect(edges).toEqual([TIMED_OUT]);
    await clock.advance(1);
    expect((await listing).message).toBe("the store's list did not answer within 2000 ms");
  });

  test('watching a store that cannot be watched is no sign of life', async () => {
    const { watch: _, ...unwatched } = Object.assign(Object.create(null) as object, script);
    const blind = new SupervisedStore({ ...unwatched, list: () => script.list() } as TokenStore, clock, {
      unavailable: () => void edges.push('unavailable'),
      available: () => void edges.push('available'),
    });
    script.behaviour = 'hangs';
    callers(() => blind.get([ID]), 1);
    await clock.advance(2_000);
    await (await blind.watch(() => {}))();
    expect([edges, blind.failing]).toEqual([['unavailable'], true]);
  });
});

describe('SupervisedStore: a store that refuses at once', () => {
  test('a store that refuses at once does not hang: every caller reaches it', async () => {
    script.behaviour = 'refuses';
    const outcomes = [callers(), callers()];
    await clock.advance(2_000);
    outcomes.push(callers());
    await clock.advance(0);
    expect(script.news()).toHaveLength(3 * CALLERS);
    expect(new Set(outcomes.flatMap(({ errors }) => errors.map(({ message }) => message)))).toEqual(
      new Set(["the store's get failed: Error"]),
    );
    expect(edges).toEqual(["the store's get failed: Error"]);
  });

  test('a store that refuses after it hung does not hang, but still fails', async () => {
    await hang(8);
    script.behaviour = 'refuses';
    callers(undefined, 1);
    await clock.advance(0);
    callers();
    await clock.advance(0);
    expect(script.news()).toHaveLength(1 + CALLERS);
    expect([edges, store.failing]).toEqual([[TIMED_OUT], true]);
  });
});

describe('SupervisedStore: a hanging store that resumes', () => {
  test('every caller of a store that resumes is answered at once, and once', async () => {
    const owed = await hang(8);
    await clock.advance(10_000);
    script.behaviour = 'answers';
    for (const { answer } of owed) answer();
    await clock.advance(0);
    const outcomes = callers();
    await clock.advance(0);
    expect([outcomes.answered, script.news().length]).toEqual([CALLERS, CALLERS]);
    expect(edges).toEqual([TIMED_OUT, 'available']);
  });

  test('one of the late answers is enough to ask the store, the last one to call it available', async () => {
    const [first, ...others] = await hang(8);
    first?.answer();
    await clock.advance(0);
    const outcomes = callers();
    expect(script.asked).toHaveLength(AT_ONCE);
    expect([edges, store.failing]).toEqual([[TIMED_OUT], true]);
    script.behaviour = 'answers';
    for (const { answer } of [...others, ...script.news()].slice(0, -1)) answer();
    await clock.advance(0);
    expect([outcomes.answered, edges]).toEqual([CALLERS - 1, [TIMED_OUT, 'available']]);
  });

  test('late answers are no recovery while other commands may still time out', async () => {
    script.behaviour = 'hangs';
    callers(undefined, 1);
    await clock.advance(1_000);
    callers(undefined, 1);
    await clock.advance(1_500);
    script.asked[0]?.answer();
    await clock.advance(500);
    expect([edges, store.failing]).toEqual([[TIMED_OUT], true]);
    script.asked[1]?.answer();
    await clock.advance(0);
    expect([edges, store.failing]).toEqual([[TIMED_OUT, 'available'], false]);
  });

  test('a late refusal permits every caller again, and is no recovery', async () => {
    const [only] = await hang(1);
    only?.refuse();
    await clock.advance(0);
    script.behaviour = 'refuses';
    callers();
    await clock.advance(0);
    expect(script.news()).toHaveLength(CALLERS);
    expect([edges, store.failing]).toEqual([[TIMED_OUT], true]);
  });

  test('a late refusal does not report the failure again', async () => {
    const owed = await hang(2);
    script.behaviour = 'answers';
    await store.get([ID]);
    for (const { refuse } of owed) refuse();
    await clock.advance(0);
    expect([edges, store.failing]).toEqual([[TIMED_OUT, 'available'], false]);
  });

  test('a store that resumes for writing only still fails', async () => {
    script.behaviour = 'hangs';
    callers(() => store.set(ID, {}, 0), 1);
    callers(undefined, 1);
    await clock.advance(2_000);
    const [write, read] = script.news();
    write?.answer();
    await clock.advance(0);
    expect([edges.length, store.failing]).toEqual([1, true]);
    read?.answer();
    await clock.advance(0);
    expect([edges.slice(1), store.failing]).toEqual([['available'], false]);
  });
});

describe('SupervisedStore: a thousand callers at once', () => {
  test('each of a thousand callers has 2 s from its turn on, so that a working store is not unavailable', async () => {
    script.behaviour = 'hangs';
    const outcomes = callers();
    for (let left = CALLERS; left > 0; left -= AT_ONCE) {
      expect(script.asked).toHaveLength(Math.min(AT_ONCE, left));
      await clock.advance(1_000);
      for (const { answer } of script.news()) answer();
      await clock.advance(0);
    }
    expect([outcomes.answered, edges, clock.pendingTimers]).toEqual([CALLERS, [], 0]);
  });

  test('callers that wait for leases do not delay a holder that writes or releases one', async () => {
    script.behaviour = 'hangs';
    callers(() => store.lease(ID, 1));
    const taken = script.news().length;
    expect(taken).toBeLessThan(AT_ONCE);
    callers(() => store.set(ID, {}, 0), 1);
    callers(() => store.release({ id: ID, document: undefined, release: script.release }), 1);
    expect(script.news().map(({ method }) => method)).toEqual(['set', 'release']);
  });
});

test('an answer that came while this process was stopped counts, and so does a missing one', async () => {
  let stoppedMs = 0;
  const stopped = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() + stoppedMs,
    random: () => 0,
    setTimer: clock.setTimer.bind(clock),
  };
  store = new SupervisedStore(script, stopped, {
    unavailable: ({ message }) => void edges.push(message),
    available: () => void edges.push('available'),
  });
  script.behaviour = 'hangs';
  const outcomes = callers(undefined, 2);
  const [answered] = script.news();
  clock.setTimer(() => {
    stoppedMs = 20_000;
  }, 1_999);
  await clock.advance(2_000);
  answered?.answer();
  await clock.advance(999);
  expect([outcomes, edges]).toEqual([{ answered: 1, errors: [] }, []]);
  await clock.advance(1);
  expect([outcomes.errors.length, edges]).toEqual([1, [TIMED_OUT]]);
});

test('a store that takes 3 s for everything is asked by few, and unavailable once', async () => {
  script.behaviour = 'hangs';
  const asked: number[] = [];
  for (let elapsed = 0; elapsed < 60_000; elapsed += 100) {
    callers(undefined, 10);
    asked.push(script.asked.length);
    for (const { answer } of script.news()) clock.setTimer(answer, 3_000);
    await clock.advance(100);
  }
  // All that come in the first 2 s, and for as long again after the first late answer; after those, 4 in 3 s.
  expect(asked.slice(0, 100).reduce((sum, count) => sum + count)).toBeLessThan(450);
  expect(asked.slice(100).reduce((sum, count) => sum + count)).toBeLessThanOrEqual((4 * 50) / 2);
  expect(edges).toEqual([TIMED_OUT]);
});
