import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyId, type TokenKey, tokenKey } from '../../../../src/core/model/token-key.js';
import { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { RecordCache, type RecordHolder } from '../../../../src/core/records/record-cache.js';
import { KeyMap } from '../../../../src/core/registry/key-map.js';

const MAX = 3;
const NAMES = ['a', 'b', '__proto__'];
const SUBJECTS = [undefined, 's', 'a', 'constructor'];
const KEYS = NAMES.flatMap((appid) => ['a', 't'].flatMap((type) => SUBJECTS.map((of) => tokenKey(appid, type, of))));

type Step = readonly ['set' | 'delete' | 'renew' | 'find' | 'deleteApp' | 'addTask' | 'removeTask' | 'close', TokenKey];

/** What the cache has to be: a list of records, the one that was used last at its end. */
class Model {
  readonly #boundsAll: boolean;
  readonly #tasks = new Set<string>();
  #records: CachedRecord[] = [];
  #isClosed = false;

  constructor(boundsAll: boolean) {
    this.#boundsAll = boundsAll;
  }

  get(key: TokenKey): CachedRecord | undefined {
    return this.#records.find((cached) => keyId(cached.key) === keyId(key));
  }

  set(cached: CachedRecord): void {
    if (this.#isClosed) return;
    this.#records = [...this.#records.filter(({ key }) => keyId(key) !== keyId(cached.key)), cached];
    const bounded = this.#records.filter(({ key }) => this.#boundsAll || !this.hasTask(key));
    if (bounded.length > MAX) this.#records = this.#records.filter((each) => each !== bounded[0]);
  }

  renew(cached: CachedRecord): void {
    if (this.get(cached.key) === cached) this.set(cached);
  }

  delete(key: TokenKey): void {
    this.#records = this.#records.filter((cached) => keyId(cached.key) !== keyId(key));
  }

  hasTask(key: TokenKey): boolean {
    return this.#tasks.has(keyId(key));
  }

  addTask(key: TokenKey): void {
    this.#tasks.add(keyId(key));
  }

  removeTask(key: TokenKey): void {
    this.#tasks.delete(keyId(key));
  }

  close(): void {
    this.#isClosed = true;
    this.#records = [];
  }

  all(): CachedRecord[] {
    return [...this.#records];
  }
}

/** Does every step to the cache and to the model. */
class Pair {
  readonly model: Model;
  readonly tasks: KeyMap<RecordHolder> = new KeyMap();
  readonly cache: RecordCache;
  #version = 0;

  constructor(boundsAll: boolean) {
    this.model = new Model(boundsAll);
    const { tasks } = this;
    const holders = {
      of: (key: TokenKey) => tasks.get(key),
      find: (appid: string, type: string, subject: string | undefined) => tasks.find(appid, type, subject),
      all: () => tasks.values(),
      ofApp: (appid: string) => tasks.of(appid),
    };
    this.cache = new RecordCache(MAX, (key) => tasks.get(key) !== undefined, boundsAll ? undefined : holders);
  }

  take([step, key]: Step): void {
    const { model, cache, tasks } = this;
    const held = model.get(key);
    if (step === 'set') this.#set(this.#record(key));
    if (step === 'renew' && held !== undefined) {
      model.renew(held);
      cache.renew(held);
    }
    if (step === 'find') cache.find(key.appid, key.type, key.subject);
    if (step === 'delete') this.#delete(key);
    if (step === 'addTask' && !model.hasTask(key)) {
      model.addTask(key);
      tasks.set(key, { key, record: undefined });
      if (held !== undefined) this.#set(held);
    }
    if (step === 'removeTask') {
      model.removeTask(key);
      tasks.delete(key);
      this.#delete(key);
    }
    if (step === 'deleteApp') this.#deleteApp(key.appid);
    if (step === 'close') {
      model.close();
      cache.close();
    }
  }

  #set(cached: CachedRecord): void {
    this.model.set(cached);
    this.cache.set(cached);
  }

  #delete(key: TokenKey): void {
    this.model.delete(key);
    this.cache.delete(key);
  }

  /** As the registry does: the tasks of an app go first. */
  #deleteApp(appid: string): void {
    for (const key of KEYS.filter((of) => of.appid === appid)) {
      if (this.model.hasTask(key)) this.take(['removeTask', key]);
      this.model.delete(key);
    }
    this.cache.deleteApp(appid);
  }

  #record(key: TokenKey): CachedRecord {
    this.#version += 1;
    return new CachedRecord({
      key,
      grant: { value: 'v', obtainedAt: 1, expiresAt: 3, dueAt: 2 },
      version: this.#version,
      rotation: undefined,
      revokedAt: undefined,
      endsAtMonotonic: 9,
      dueAtMonotonic: 2,
      confirmedAtMonotonic: 0,
      dueAt: 2,
      isFromTheFuture: false,
    });
  }
}

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('set' as const) },
    { weight: 8, arbitrary: fc.constantFrom('renew' as const, 'find' as const, 'delete' as const) },
    { weight: 6, arbitrary: fc.constantFrom('addTask' as const, 'removeTask' as const) },
    { weight: 1, arbitrary: fc.constantFrom('deleteApp' as const, 'close' as const) },
  ),
  fc.constantFrom(...KEYS),
);

describe.each([
  ['where records of keys without a task are bounded', false],
  ['where all records are bounded', true],
])('RecordCache, %s', (_name, boundsAll) => {
  test('RecordCache holds what a list in the order of use would hold, and finds nothing else', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pair = new Pair(boundsAll);
        for (const each of steps) {
          pair.take(each);
          for (const key of KEYS) {
            const expected = pair.model.get(key);
            expect(pair.cache.find(key.appid, key.type, key.subject)).toBe(expected);
            expect(pair.cache.get(key)).toBe(expected);
          }
          expect(new Set(pair.cache.records())).toEqual(new Set(pair.model.all()));
          expect([...pair.cache.records()]).toHaveLength(pair.model.all().length);
          for (const appid of new Set(KEYS.map((of) => of.appid))) {
            const ofApp = pair.model.all().filter(({ key }) => key.appid === appid);
            const found = [...pair.cache.recordsOf(appid)];
            expect([found.length, new Set(found)]).toEqual([ofApp.length, new Set(ofApp)]);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
