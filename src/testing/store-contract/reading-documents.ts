import assert from 'node:assert/strict';
import type { JsonObject } from '../../core/primitives/json.js';
import { assertEqual } from './assert-equal.js';
import { type StoreTest, written } from './store-test.js';

const EARLIEST_NOW = Date.UTC(2020, 0, 1);
const LATEST_NOW = Date.UTC(2200, 0, 1);
const LONGEST_SEGMENT = 384;
const LONG_STRING = 16_384;
const MANY = 2_000;
const SIZES = { '64 KiB': 65_536, '1 MiB': 1_048_576 };

const DATA: Record<string, JsonObject> = {
  nothing: {},
  text: { plain: 'a', unicode: '微信 \u{1f511} \u2028 \u0000 "\\', empty: '', long: 'x'.repeat(LONG_STRING) },
  numbers: { zero: 0, fraction: 0.1, negative: -1, instant: 1_767_225_600_123, largest: Number.MAX_SAFE_INTEGER },
  'empty arrays and objects': { array: [], object: {}, arrays: [[], [[]]], objects: [{}, { object: {} }] },
  nested: { object: { array: [1, 'two', null, true, { three: [] }], object: {} }, no: false, nothing: null },
  'names of other things': JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"toString":"x","id":"y"}'),
};

/** The characters that a segment may contain. */
const CHARACTERS = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index)).filter(
  (character) => character !== '/',
);

const IDS = [
  `task/${CHARACTERS.join('')}/${CHARACTERS.toReversed().join('')}`,
  ...CHARACTERS.map((character) => `task/${character}`),
  'key/wx1/access_token',
  'key/WX1/access_token',
  'key/wx1/access_token/subject',
  'key/wx1/access_token/Subject',
  'key/wx1',
  'app/..',
  'app/.',
  'app/.../..',
  'app/__proto__',
  'app/constructor/__proto__/toString',
  '__proto__/__proto__',
  'App/..',
  'tmp/wx1',
  'task/wx1/type/%2F..%2F..',
  'task/*?:<>|"\\/$1/\'; DROP TABLE x --'.replaceAll(' ', '_'),
  'task/CON/nul.txt',
  `task/${'x'.repeat(LONGEST_SEGMENT)}/${'y'.repeat(LONGEST_SEGMENT)}/${'z'.repeat(LONGEST_SEGMENT)}`,
  `task/${'x'.repeat(LONGEST_SEGMENT)}/${'y'.repeat(LONGEST_SEGMENT)}/${'z'.repeat(LONGEST_SEGMENT - 1)}`,
];

export function testReadingDocuments(storeTest: StoreTest, sharedStoreTest: StoreTest): void {
  storeTest('now is a time in milliseconds that does not run backwards', async ({ store }) => {
    const first = await store.now();
    const second = await store.now();
    assert.ok(first > EARLIEST_NOW && first < LATEST_NOW, `now is ${first}`);
    assert.ok(second >= first, `${second} after ${first}`);
  });

  storeTest('an absent document is undefined', async ({ store }) => {
    assertEqual(await store.get(['key/wx1/access_token', 'app/wx1']), [undefined, undefined]);
    assertEqual(await store.get([]), []);
  });

  storeTest('documents come in the order asked for, as often as asked for', async ({ store }) => {
    await store.set('app/a', { name: 'a' }, 0);
    await store.set('app/b', { name: 'b' }, 0);
    const documents = await store.get(['app/b', 'app/x', 'app/a', 'app/b']);
    assertEqual(
      documents.map((document) => document?.data.name),
      ['b', undefined, 'a', 'b'],
    );
  });

  storeTest('a document says its id and version', async ({ store }) => {
    const version = await written(store.set('app/a', { name: 'a' }, 0));
    assertEqual(await store.get(['app/a']), [{ id: 'app/a', version, data: { name: 'a' } }]);
  });

  storeTest('many ids are read at once', async ({ store }) => {
    await store.set('app/wx7', {}, 0);
    const documents = await store.get(Array.from({ length: MANY }, (_, index) => `app/wx${index}`));
    assert.equal(documents.length, MANY);
    assertEqual(
      documents.filter((document) => document !== undefined).map(({ id }) => id),
      ['app/wx7'],
    );
  });

  for (const [name, data] of Object.entries(DATA)) {
    storeTest(`data comes back as it was: ${name}`, async ({ store }) => {
      const copy: unknown = structuredClone(data);
      await store.set('app/a', data, 0);
      const [document] = await store.get(['app/a']);
      assert.equal(JSON.stringify(document?.data), JSON.stringify(copy));
      assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    });
  }

  for (const [name, size] of Object.entries(SIZES)) {
    storeTest(`data may be as large as ${name}`, async ({ store }) => {
      const data = { text: '信'.repeat(size / 4), rest: 'x'.repeat(size / 4) };
      const version = await written(store.set('app/a', data, 0));
      const [document] = await store.get(['app/a']);
      assert.equal(document?.version, version);
      assert.equal(JSON.stringify(document.data) === JSON.stringify(data), true, 'the data changed');
    });
  }

  storeTest('ids of any allowed form are all different', async ({ store }) => {
    for (const id of IDS) assert.ok((await store.set(id, { of: id }, 0)) !== undefined, id);
    const documents = await store.get(IDS);
    assertEqual(
      documents.map((document) => [document?.id, document?.data.of]),
      IDS.map((id) => [id, id]),
    );
    for (const id of IDS) {
      const kind = id.slice(0, id.indexOf('/'));
      const listed = [];
      for await (const document of store.list(kind)) listed.push(document.id);
      assert.equal(listed.filter((other) => other === id).length, 1, `${id} in the list of ${kind}`);
    }
  });

  sharedStoreTest('what was written is there after the store was closed and opened again', async (context) => {
    const { store } = context;
    const version = await written(store.set('app/a', { name: 'a' }, 0, { due: { lane: 'x', at: 1 } }));
    await written(store.set('app/b', {}, await written(store.set('app/b', { name: 'b' }, 0))));
    await store.delete('app/c', await written(store.set('app/c', {}, 0)));
    await store.close();
    const other = await context.another();
    const [a, b, c] = await other.get(['app/a', 'app/b', 'app/c']);
    assertEqual(a, { id: 'app/a', version, data: { name: 'a' }, due: { lane: 'x', at: 1 } });
    assertEqual(b?.data, {});
    assert.equal(c, undefined);
  });
}
