import { expect, test } from 'vitest';
import type { EnrolmentMarks } from '../../../../src/core/model/enrolment.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { unseal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader } from '../../../../src/core/store/document-reader.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { KnownTokens } from '../../../../src/gateway/tokens/known-tokens.js';
import { StoredTokens } from '../../../../src/gateway/tokens/stored-tokens.js';
import { tokenHash } from '../../../../src/gateway/tokens/token-hash.js';
import { type KnownToken, type RegisteredToken, TokenIndex } from '../../../../src/gateway/tokens/token-index.js';
import { MemoryStore, TokenError } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const LIFE_MS = 7_200_000;
const PEER = '203.0.113.1';

/** Several processes that recognize tokens by one store, whose commands are counted. */
class Scene {
  readonly clock = new FakeClock();
  fails = false;
  readonly startable = { isStarted: true, start: async () => {} };
  marks: EnrolmentMarks = {};
  /** Whether the registration is in memory. */
  isCached = true;
  readonly #store = new FaultyStore(new MemoryStore({ clock: this.clock }));

  constructor() {
    this.#store.before = () => {
      if (this.fails) throw new Error('the connection is lost');
    };
  }

  process(): KnownTokens {
    const store = new SupervisedStore(this.#store, this.clock, { unavailable: () => {}, available: () => {} });
    const reader = new DocumentReader(store, () => {});
    const stored = new StoredTokens(store, reader, () => this.clock.now(), this.startable);
    const registrations = {
      enrolment: () => ({ ...(this.isCached && this.marks), hadTask: this.isCached }),
      isCached: () => this.isCached,
      load: async () => {
        if (this.fails) throw new TokenError('STORE_UNAVAILABLE', 'the store has failed', { retryable: true });
        this.isCached = true;
      },
    };
    return new KnownTokens(stored, registrations, this.clock);
  }

  token(key: KnownToken['key'] = KEY): KnownToken {
    const obtainedAt = this.clock.now();
    return { key, obtainedAt, expiresAt: obtainedAt + LIFE_MS };
  }

  /** Returns the version of each document, and the ends of the tokens in it. */
  async documents(): Promise<{ version: number; ends: ReadonlySet<unknown> }[]> {
    const documents = [];
    for await (const document of this.#store.list('value')) {
      const tokens = unseal(document)['tokens'] as (readonly unknown[])[];
      documents.push({ version: document.version, ends: new Set(tokens.map(([, , expiresAt]) => expiresAt)) });
    }
    return documents;
  }

  count(command: 'get' | 'set'): number {
    return this.#store.calls.filter((method) => method === command).length;
  }
}

/** Lets a process learn of a token as the current one of its key. */
async function adopting(known: KnownTokens, { key, obtainedAt, expiresAt }: KnownToken): Promise<void> {
  const record = { key, value: 'T1', obtainedAt, expiresAt, endsAtMonotonic: LIFE_MS } as CachedRecord;
  known.follow({ listen: (listener) => listener(record) });
  await new Promise(setImmediate);
}

test('a token that one process has handed out is known to another', async () => {
  const scene = new Scene();
  const token = scene.token({ appid: 'wx1', type: 'authorizer_access_token', subject: 'wx2' });
  await scene.process().handOut('T1', token);
  expect(await scene.process().find('T1', PEER)).toEqual(token);
});

test.each([
  [{ app: 'a1', task: 't1' }, true],
  [{ app: 'a1' }, true],
  [{ app: 'a2', task: 't1' }, false],
  [{ app: 'a1', task: 't2' }, false],
])('a token that was handed out for the registration a1 t1 belongs to %j: %s', async (present, belongs) => {
  const scene = new Scene();
  const [own, other] = [scene.process(), scene.process()];
  scene.marks = { app: 'a1', task: 't1' };
  await own.handOut('T1', scene.token());
  scene.marks = present;
  for (const known of [own, other]) {
    const found = await known.find('T1', PEER);
    expect(typeof found === 'object' && (await known.isOfPresent(found))).toBe(belongs);
  }
});

test.each([
  ['handed out', async (known: KnownTokens, token: KnownToken) => known.handOut('T1', token)],
  ['read', async (known: KnownTokens, token: KnownToken) => adopting(known, token)],
])('a token that was %s while its registration was not in memory belongs to that one alone', async (_, learn) => {
  const scene = new Scene();
  const known = scene.process();
  scene.marks = { app: 'a1', task: 't1' };
  scene.isCached = false;
  await learn(known, scene.token());
  const found = (await known.find('T1', PEER)) as RegisteredToken;
  expect(await known.isOfPresent(found)).toBe(true);
  scene.marks = { app: 'a2', task: 't2' };
  expect(await known.isOfPresent(found)).toBe(false);
});

test('a token is judged by its registration when that is not in memory any more, and by none while the store fails', async () => {
  const scene = new Scene();
  const known = scene.process();
  scene.marks = { app: 'a1', task: 't1' };
  await known.handOut('T1', scene.token());
  const found = (await known.find('T1', PEER)) as RegisteredToken;
  scene.marks = { app: 'a2', task: 't2' };
  scene.isCached = false;
  scene.fails = true;
  await expect(known.isOfPresent(found)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  scene.fails = false;
  expect(await known.isOfPresent(found)).toBe(false);
});

test('a token is written once for each version, however often and by how many callers it is handed out', async () => {
  const scene = new Scene();
  const known = scene.process();
  await Promise.all(Array.from({ length: 50 }, () => known.handOut('T1', scene.token())));
  await known.handOut('T1', scene.token());
  await scene.process().handOut('T1', scene.token());
  expect(scene.count('set')).toBe(1);
});

test.each([
  [-1, true],
  [0, false],
  [1, false],
])('a token %i ms after its end is known: %s', async (afterMs, isKnown) => {
  const scene = new Scene();
  const [own, other] = [scene.process(), scene.process()];
  await own.handOut('T1', scene.token());
  await scene.clock.advance(LIFE_MS + afterMs);
  for (const known of [own, other]) expect((await known.find('T1', PEER)) !== 'unknown').toBe(isKnown);
});

test('a token that is handed out again with a later end lives until then, from its first instant', async () => {
  const scene = new Scene();
  const [own, other] = [scene.process(), scene.process()];
  const first = scene.token();
  await own.handOut('T1', first);
  expect(await other.find('T1', PEER)).toEqual(first);
  await scene.clock.advance(LIFE_MS - 1);
  const again = scene.token();
  await own.handOut('T1', again);
  await own.handOut('T1', first);
  await scene.clock.advance(LIFE_MS - 1);
  for (const known of [own, scene.process()]) {
    expect(await known.find('T1', PEER)).toEqual({ ...again, obtainedAt: first.obtainedAt });
  }
  expect(await other.find('T1', PEER)).toMatchObject({ expiresAt: again.expiresAt });
  expect(scene.count('set')).toBe(2);
});

test('a token stays that of its key, whatever another key is given the same value for', async () => {
  const scene = new Scene();
  const [own, other] = [scene.process(), scene.process()];
  const first = scene.token();
  await own.handOut('T1', first);
  await scene.clock.advance(1_000);
  scene.marks = { app: 'a2' };
  const taken = scene.token({ appid: 'wx2', type: 'access_token' });
  await own.handOut('T1', taken);
  await other.handOut('T1', taken);
  for (const known of [own, scene.process()]) expect(await known.find('T1', PEER)).toEqual(first);
});

test('an unknown token costs one read of the store, and is unknown for a second', async () => {
  const scene = new Scene();
  const known = scene.process();
  expect(await Promise.all([known.find('X', PEER), known.find('X', PEER)])).toEqual(['unknown', 'unknown']);
  await scene.clock.advance(999);
  expect(await known.find('X', PEER)).toBe('unknown');
  expect(scene.count('get')).toBe(1);
  await scene.clock.advance(1);
  await known.find('X', PEER);
  expect(scene.count('get')).toBe(2);
});

test('the tokens that others have handed out are looked up without a limit, each of them once', async () => {
  const scene = new Scene();
  const [own, other] = [scene.process(), scene.process()];
  const values = Array.from({ length: 120 }, (_, token) => `T${token}`);
  for (const [index, value] of values.entries()) {
    await own.handOut(value, scene.token({ appid: `wx${index}`, type: 'access_token' }));
  }
  const before = scene.count('get');
  for (const value of [...values, ...values])
    expect(await other.find(value, PEER)).toMatchObject({ expiresAt: expect.any(Number) });
  expect(scene.count('get') - before).toBe(120);
});

test('the tokens of any number of callers behind one address are recognized at the same time, as after a start', async () => {
  const scene = new Scene();
  const values = Array.from({ length: 120 }, (_, index) => `T${index}`);
  const [before, after] = [scene.process(), scene.process()];
  for (const [index, value] of values.entries()) {
    await before.handOut(value, scene.token({ appid: `wx${index}`, type: 'access_token' }));
  }
  const found = await Promise.all(values.map((value) => after.find(value, PEER)));
  expect(found.map((token) => (typeof token === 'string' ? token : token.key.appid))).toEqual(
    values.map((_, index) => `wx${index}`),
  );
});

test('of unknown tokens at the same time no more are looked up than one after the other', async () => {
  const scene = new Scene();
  const process = scene.process();
  const unknown = Array.from({ length: 60 }, (_, index) => process.find(`invented-${index}`, PEER));
  const found = await Promise.all(unknown);
  expect([found.filter((token) => token === 'unknown').length, scene.count('get')]).toEqual([25, 25]);
  expect(found.filter((token) => token === 'unsure')).toHaveLength(35);
});

test('fifty unknown tokens a second are looked up, and further ones are unsure', async () => {
  const scene = new Scene();
  const known = scene.process();
  const found = await Promise.all(
    Array.from({ length: 60 }, (_, index) => known.find(`X${index}`, `203.0.113.${index % 2}`)),
  );
  expect(found.filter((result) => result === 'unsure')).toHaveLength(10);
  expect(scene.count('get')).toBe(50);
});

test('one peer can use half of the look-ups in vain, and all of them for tokens that were handed out', async () => {
  const scene = new Scene();
  const [own, other] = [scene.process(), scene.process()];
  for (let token = 0; token < 50; token++) await own.handOut(`T${token}`, scene.token());
  const invented = await Promise.all(Array.from({ length: 60 }, (_, index) => other.find(`X${index}`, PEER)));
  expect(invented.filter((result) => result === 'unsure')).toHaveLength(35);
  expect(await other.find('T0', '203.0.113.2')).toMatchObject({ key: KEY });
  await scene.clock.advance(1_000);
  for (let token = 1; token < 50; token++) expect(await other.find(`T${token}`, PEER)).toMatchObject({ key: KEY });
});

test('while the store fails, unknown tokens are unsure, and those that were handed out are known', async () => {
  const scene = new Scene();
  const known = scene.process();
  scene.fails = true;
  await known.handOut('T1', scene.token());
  expect(await known.find('T1', PEER)).toEqual(scene.token());
  expect(await known.find('X', PEER)).toBe('unsure');
});

test('a record that another contract returns is written once in a minute, and only where callers may present tokens', async () => {
  const scene = new Scene();
  const record = { value: 'T1', ...scene.token() };
  expect(scene.process().noteHandedOut(KEY, record)).toBeUndefined();
  const followed = scene.process();
  followed.follow({ listen: () => {} });
  expect(followed.noteHandedOut({ appid: 'wx1', type: 'jsapi_ticket' }, record)).toBeUndefined();
  expect(scene.count('set')).toBe(0);
  await followed.noteHandedOut(KEY, record);
  expect(followed.noteHandedOut(KEY, record)).toBeUndefined();
  expect([scene.count('get'), scene.count('set')]).toEqual([1, 1]);
  expect(await scene.process().find('T1', PEER)).toMatchObject({ key: KEY });
  await scene.clock.advance(60_000);
  await followed.noteHandedOut(KEY, record);
  expect(scene.count('set')).toBe(1);
});

test.each(['has not been read', 'fails'])(
  'the answer of another contract does not wait for a store that %s, which gets the token afterwards',
  async (why) => {
    const scene = new Scene();
    const known = scene.process();
    known.follow({ listen: () => {} });
    if (why === 'fails') {
      scene.fails = true;
      await known.handOut('T0', scene.token());
    } else scene.startable.isStarted = false;
    expect(known.noteHandedOut(KEY, { value: 'T1', ...scene.token() })).toBeUndefined();
    await scene.clock.advance(1_000);
    scene.fails = false;
    await known.find('T1', PEER);
    await scene.clock.advance(0);
    expect(await scene.process().find('T1', PEER)).toMatchObject({ key: KEY });
  },
);

test('a token whose write failed is written when it is handed out again', async () => {
  const scene = new Scene();
  const known = scene.process();
  scene.fails = true;
  await known.handOut('T1', scene.token());
  scene.fails = false;
  await scene.clock.advance(60_000);
  await known.handOut('T1', scene.token());
  expect(await scene.process().find('T1', PEER)).toMatchObject({ key: KEY });
});

test('tokens that have ended leave the store at the next write of their document', async () => {
  const scene = new Scene();
  const known = scene.process();
  for (let life = 0; life < 40; life++) {
    for (let token = 0; token < 50; token++) await known.handOut(`T${life}-${token}`, scene.token());
    await scene.clock.advance(LIFE_MS);
  }
  const documents = await scene.documents();
  expect(documents.some(({ version }) => version > 1)).toBe(true);
  for (const { ends } of documents) expect(ends.size).toBe(1);
});

test('of one key the current token and the 24 newest earlier ones are kept', () => {
  const index = new TokenIndex(new FakeClock({ now: 0 }));
  const hashes = Array.from({ length: 40 }, (_, token) => tokenHash(`T${token}`));
  for (const [token, hash] of hashes.entries()) index.add(hash, { key: KEY, obtainedAt: token, expiresAt: LIFE_MS });
  expect(hashes.map((hash) => index.find(hash) !== undefined)).toEqual(hashes.map((_, token) => token >= 15));
  expect(index.size).toBe(25);
});

test('the tokens of a key share the object of the key', () => {
  const index = new TokenIndex(new FakeClock({ now: 0 }));
  const hashes = ['T1', 'T2', 'T3'].map(tokenHash);
  for (const hash of hashes) index.add(hash, { key: { ...KEY }, obtainedAt: 0, expiresAt: LIFE_MS });
  expect(new Set(hashes.map((hash) => index.find(hash)?.key)).size).toBe(1);
});

test('expired tokens leave the memory when others are added', async () => {
  const clock = new FakeClock();
  const index = new TokenIndex(clock);
  for (let token = 0; token < 1_000; token++) {
    await clock.advance(1_000);
    const now = clock.now();
    index.add(tokenHash(`T${token}`), {
      key: { appid: `wx${token}`, type: 'access_token' },
      obtainedAt: now,
      expiresAt: now + 10_000,
    });
  }
  expect(index.size).toBe(10);
});

test('a hash names a token without containing it', () => {
  expect(tokenHash('CANARY-token')).toMatch(/^[\w-]{22}$/);
  expect(tokenHash('CANARY-token')).toBe(tokenHash('CANARY-token'));
  expect(tokenHash('CANARY-token')).not.toBe(tokenHash('CANARY-tokem'));
});
