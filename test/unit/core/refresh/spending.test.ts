import { beforeEach, describe, expect, test } from 'vitest';
import { Semaphore } from '../../../../src/core/concurrency/semaphore.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { failureFacts } from '../../../../src/core/model/failure-facts.js';
import { InputMissing } from '../../../../src/core/model/input-missing.js';
import type { Rotation } from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { PARAMS_WANTED, START_AGAIN } from '../../../../src/core/refresh/outcome.js';
import { Interrupted, Spending, type SpendingParts } from '../../../../src/core/refresh/spending.js';
import { seal } from '../../../../src/core/store/document-codec.js';
import {
  contentWithRetryState,
  type KeyDocument,
  NO_KEY_DOCUMENT,
  readKeyDocument,
} from '../../../../src/core/store/key-document.js';
import { MemoryStore } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'user_token', subject: 'u' };
const ID = 'key/wx1/user_token/u';
const LEASE_MS = 20_000;
const LOOKS_AGAIN_MS = 600_000;
const REFUSED = new TokenError('REAUTHORIZATION_REQUIRED', 'gone', { errcode: 40030, errmsg: 'invalid', rid: 'r' });

let clock: FakeClock;
let memory: MemoryStore;
let storage: OpenedStorage;

beforeEach(() => {
  clock = new FakeClock();
  memory = new MemoryStore({ clock });
  storage = openStorage(memory, clock);
});

/** A key's document in the store, with this rotation. */
async function stored(rotation: Rotation | undefined): Promise<KeyDocument> {
  if (rotation === undefined) return NO_KEY_DOCUMENT;
  const document = { ...NO_KEY_DOCUMENT, rotation };
  await memory.set(ID, seal(ID, contentWithRetryState(document, undefined)), 0);
  return read();
}

async function read(): Promise<KeyDocument> {
  return readKeyDocument((await memory.get([ID]))[0]);
}

function spending(document: KeyDocument, more: Partial<SpendingParts> = {}): Spending {
  return new Spending({
    key: KEY,
    document,
    hadTask: true,
    answered: [],
    urlNotAsked: false,
    retryAfterRefusalMs: LOOKS_AGAIN_MS,
    documents: storage.documents,
    clock: storage.clock,
    announcing: new Semaphore(1),
    ...more,
  });
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.unreachable(),
    (error: Error) => error,
  );
}

describe('spend', () => {
  test('spend announces what it returns, with the task and its lane', async () => {
    const attempt = spending(await stored({ token: 'A' }));
    expect(await attempt.spend(undefined, 'offered')).toEqual({ value: 'A', stored: true });
    const intent = { hash: secretHash('A'), at: clock.now() };
    expect(attempt.intent).toEqual(intent);
    expect(attempt.spent).toEqual({ hash: secretHash('A'), base: secretHash('A'), known: [] });
    expect((await read()).rotation).toEqual({ token: 'A', intent });
    expect((await memory.get([ID]))[0]?.due).toMatchObject({ lane: 'user_token' });
  });

  test('spend for a key without a task stores no due', async () => {
    await spending(await stored({ token: 'A' }), { hadTask: false }).spend(undefined, 'offered');
    expect((await memory.get([ID]))[0]?.due).toBeUndefined();
  });

  test('the first spend has no base, and knows none before', async () => {
    const attempt = spending(NO_KEY_DOCUMENT);
    expect(await attempt.spend('A', 'offered')).toEqual({ value: 'A', stored: false });
    expect(attempt.spent).toEqual({ hash: secretHash('A'), base: undefined, known: [] });
  });

  test('spend notes what the params offer where another refresh token is sent', async () => {
    const attempt = spending(await stored({ token: 'A', known: [secretHash('P'), secretHash('A')] }));
    expect(await attempt.spend('P', 'offered')).toEqual({ value: 'A', stored: true });
    expect(attempt.spent).toMatchObject({ hash: secretHash('A'), onOffer: secretHash('P') });
  });

  test('spend may be called once', async () => {
    const attempt = spending(NO_KEY_DOCUMENT);
    await attempt.spend('A', 'offered');
    await expect(attempt.spend('A', 'offered')).rejects.toThrow('spend may be called once in an attempt');
  });

  test.each([
    [null, 'the value that user_token is refreshed with must be a non-empty string, got null'],
    ['', 'the value that user_token is refreshed with must be a non-empty string, got an empty string'],
    [7, 'the value that user_token is refreshed with must be a non-empty string, got a number'],
    [
      undefined,
      'user_token requires a value to be refreshed with, and neither the store nor the params of the task have one',
    ],
  ])(
    'spend with %j where nothing is stored ends the attempt without a failure of the key',
    async (offered, message) => {
      const attempt = spending(NO_KEY_DOCUMENT);
      const error = (await rejection(attempt.spend(offered, 'offered'))) as InputMissing;
      expect(error).toBeInstanceOf(InputMissing);
      expect(error.error).toMatchObject({ code: 'INPUT_MISSING', message, appid: 'wx1' });
      expect(attempt.interruption).toBe(error);
      expect(await memory.get([ID])).toEqual([undefined]);
    },
  );

  test('spend ends the attempt before the request if another process has written the document meanwhile', async () => {
    const document = await stored({ token: 'A' });
    await memory.set(
      ID,
      seal(ID, contentWithRetryState({ ...document, rotation: { token: 'B' } }, undefined)),
      document.version,
    );
    const attempt = spending(document);
    const interrupted = await rejection(attempt.spend(undefined, 'offered'));
    expect(interrupted).toBeInstanceOf(Interrupted);
    expect(interrupted).toMatchObject({ restart: START_AGAIN });
    expect(attempt.interruption).toBe(interrupted);
    expect(attempt.spent).toBeUndefined();
    expect((await read()).rotation).toEqual({ token: 'B' });
  });

  test.each([
    [-1, 'REAUTHORIZATION_REQUIRED'],
    [0, 'REAUTHORIZATION_REQUIRED'],
    [1, undefined],
  ])('spend checks the deadline of a refresh token, %i ms before it: %s', async (ms, code) => {
    const expiresAt = clock.now() + ms;
    const spent = spending(await stored({ token: 'A', expiresAt })).spend(undefined, 'offered');
    if (code === undefined) await expect(spent).resolves.toMatchObject({ value: 'A' });
    else {
      expect(await rejection(spent)).toMatchObject({
        code,
        message: `the refresh token has expired (${new Date(expiresAt).toISOString()})`,
        subject: 'u',
        retryAt: clock.now() + LOOKS_AGAIN_MS,
      });
    }
  });

  test('a refresh token that was rejected for good is rejected again, with the time of the next attempt', async () => {
    const refused = [{ hash: secretHash('A'), deadAt: clock.now(), error: failureFacts(REFUSED) }];
    const error = await rejection(spending(await stored({ token: 'A', refused })).spend(undefined, 'offered'));
    expect(error).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED', retryAt: clock.now() + LOOKS_AGAIN_MS });
  });
});

describe('settle', () => {
  test('settle ignores what was not sent', async () => {
    expect(await spending(NO_KEY_DOCUMENT).settle(REFUSED)).toBe(REFUSED);
  });

  test.each([
    ['an answer', new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { errcode: -1 }), undefined],
    ['no answer', new TokenError('UPSTREAM_UNAVAILABLE', 'broke'), expect.anything()],
  ])('settle after a failure with %s: the announcement is %s', async (_, error, intent) => {
    const attempt = spending(await stored({ token: 'A' }));
    await attempt.spend(undefined, 'offered');
    expect(await attempt.settle(error)).toBe(error);
    expect(attempt.document.rotation?.intent).toEqual(intent);
  });

  test('settle declares a rejected token dead at once when no other process has sent it', async () => {
    const attempt = spending(await stored({ token: 'A' }));
    await attempt.spend(undefined, 'offered');
    const error = await attempt.settle(REFUSED);
    expect(error).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED', retryAt: clock.now() + LOOKS_AGAIN_MS });
    expect(attempt.document.rotation?.refused).toMatchObject([{ hash: secretHash('A'), deadAt: clock.now() }]);
  });

  test('settle spares a rejected token for one lease time when another process has announced it before', async () => {
    const intent = { hash: secretHash('A'), at: clock.now() - 5_000 };
    const attempt = spending(await stored({ token: 'A', intent }));
    await attempt.spend(undefined, 'offered');
    expect(await attempt.settle(REFUSED)).toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: 'gone; the process that sent it earlier may still store the answer',
      errcode: 40030,
      errmsg: 'invalid',
      rid: 'r',
      retryable: true,
      retryAt: clock.now() + LEASE_MS,
    });
  });

  test.each([
    ['of another one', { hash: secretHash('B'), at: 1 }, []],
    ['of this refresh itself', { hash: secretHash('A'), at: 1 }, [{ hash: secretHash('A'), at: 1 }]],
  ])('settle declares a rejected token dead at once despite an announcement %s', async (_, intent, answered) => {
    const attempt = spending(await stored({ token: 'A', intent }), { answered });
    await attempt.spend(undefined, 'offered');
    expect(await attempt.settle(REFUSED)).toMatchObject({ code: 'REAUTHORIZATION_REQUIRED' });
  });

  test('settle spares a rejected token that was announced for this refresh at another time', async () => {
    const hash = secretHash('A');
    const attempt = spending(await stored({ token: 'A', intent: { hash, at: 2 } }), { answered: [{ hash, at: 1 }] });
    await attempt.spend(undefined, 'offered');
    expect(await attempt.settle(REFUSED)).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
  });

  test('settle stores the rejection and the refresh starts again where another token is offered', async () => {
    const attempt = spending(await stored({ token: 'A' }));
    await attempt.spend('B', 'stored');
    expect(await attempt.settle(REFUSED)).toBe(START_AGAIN);
    expect((await read()).rotation).toMatchObject({ token: 'A', refused: [{ hash: secretHash('A') }] });
    expect((await read()).rotation).not.toHaveProperty('intent');
  });
});

test('settle stores a rejection after which another input was registered, and the refresh starts again', async () => {
  const attempt = spending(await stored({ token: 'A' }), { isOutdated: () => true });
  await attempt.spend(undefined, 'offered');
  expect(await attempt.settle(REFUSED)).toBe(START_AGAIN);
  expect((await read()).rotation).toMatchObject({ token: 'A', refused: [{ hash: secretHash('A') }] });
});

describe('params that were not requested yet', () => {
  const urlNotAsked = true;

  test('the params are wanted before the attempt ends without anything to send', async () => {
    const attempt = spending(NO_KEY_DOCUMENT, { urlNotAsked });
    const interruption = await rejection(attempt.spend(undefined, 'offered'));
    expect(interruption).toBeInstanceOf(Interrupted);
    expect(interruption.message).toBe('the refresh starts again: paramsWanted');
    expect(attempt.interruption).toBe(interruption);
    expect((interruption as Interrupted).restart).toBe(PARAMS_WANTED);
    expect(await memory.get([ID])).toEqual([undefined]);
  });

  test('a stored refresh token is sent although the params were not requested', async () => {
    const attempt = spending(await stored({ token: 'A' }), { urlNotAsked });
    expect(await attempt.spend(undefined, 'offered')).toEqual({ value: 'A', stored: true });
    expect(await attempt.settle(REFUSED)).toBe(PARAMS_WANTED);
    expect((await read()).rotation?.refused).toMatchObject([{ hash: secretHash('A') }]);
  });
});

describe('an answer that says that an input is missing', () => {
  const MISSING = new TokenError('INPUT_MISSING', 'no ticket', { errcode: 61004 });

  test.each([undefined, () => false])(
    'an answer that says that an input is missing refuses no refresh token, since it concerns another input: %#',
    async (isPushed) => {
      const attempt = spending(await stored({ token: 'A' }), isPushed === undefined ? {} : { isPushed });
      await attempt.spend(undefined, 'offered');
      expect(await attempt.settle(MISSING)).toBe(MISSING);
      expect(attempt.document.rotation).toEqual({ token: 'A' });
    },
  );

  test('an answer that says that an input is missing refuses the pushed value that was sent', async () => {
    const attempt = spending(NO_KEY_DOCUMENT, { isPushed: (value) => value === 'ticket' });
    await attempt.spend('ticket', 'offered');
    expect(await attempt.settle(MISSING)).toMatchObject({
      code: 'INPUT_MISSING',
      retryAt: clock.now() + LOOKS_AGAIN_MS,
    });
    expect(attempt.document.rotation?.refused).toMatchObject([{ hash: secretHash('ticket') }]);
  });

  test('another failure refuses no pushed value', async () => {
    const busy = new TokenError('UPSTREAM_UNAVAILABLE', 'busy', { errcode: -1 });
    const attempt = spending(NO_KEY_DOCUMENT, { isPushed: () => true });
    await attempt.spend('ticket', 'offered');
    expect(await attempt.settle(busy)).toBe(busy);
    expect(attempt.document.rotation?.refused).toBeUndefined();
  });
});

test.each([
  [0, 'REAUTHORIZATION_REQUIRED'],
  [1, 'UPSTREAM_UNAVAILABLE'],
  [LEASE_MS + 5_000, 'UPSTREAM_UNAVAILABLE'],
  [LEASE_MS + 5_001, 'REAUTHORIZATION_REQUIRED'],
])('a token that was refused and counts as dead in %i ms fails the attempt with %s', async (ms, code) => {
  const refused = [{ hash: secretHash('A'), deadAt: clock.now() + ms, error: failureFacts(REFUSED) }];
  const error = await rejection(spending(await stored({ token: 'A', refused })).spend(undefined, 'offered'));
  // An instant that is farther ahead than a lease lasts was recorded before the clock was set back.
  const retryAt = clock.now() + (code === 'UPSTREAM_UNAVAILABLE' ? ms : LOOKS_AGAIN_MS);
  expect(error).toMatchObject({ code, retryAt });
});

describe('keep', () => {
  test.each([
    [true, { value: 'B', expiresAt: undefined }, 'B'],
    [true, undefined, 'A'],
    [false, { value: 'B', expiresAt: undefined }, 'A'],
  ])(
    'keep after a request that was sent (%s) and brought %j: the refresh token is %s',
    async (sends, received, token) => {
      const attempt = spending(await stored({ token: 'A' }));
      if (sends) await attempt.spend(undefined, 'offered');
      attempt.keep(received);
      expect(attempt.document.rotation?.token).toBe(token);
      expect(attempt.kept).toBe(token === 'B' ? received : undefined);
    },
  );
});
