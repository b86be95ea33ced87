import { beforeEach, describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import type { StoredDocument } from '../../../../src/core/model/store.js';
import { checksum } from '../../../../src/core/primitives/checksum.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { DocumentReader, type Quarantined } from '../../../../src/core/store/document-reader.js';
import { SupervisedStore } from '../../../../src/core/store/supervised-store.js';
import { MemoryStore } from '../../../../src/stores/memory.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';
import { ClaimingStore } from '../../../support/stores/claiming-store.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';

const ID = 'key/wx1/access_token';
const DAMAGED = { secret: 'torn', checksum: 'x' };

let memory: MemoryStore;
let store: FaultyStore;
let told: Quarantined[];
let reader: DocumentReader;

beforeEach(() => {
  const clock = new FakeClock();
  memory = new MemoryStore({ clock });
  store = new FaultyStore(memory);
  told = [];
  reader = new DocumentReader(new SupervisedStore(store, clock, { unavailable() {}, available() {} }), (event) =>
    told.push(event),
  );
});

async function stored(data: StoredDocument['data']): Promise<StoredDocument> {
  const [before] = await memory.get([ID]);
  await memory.set(ID, data, before?.version ?? 0);
  return (await memory.get([ID]))[0] as StoredDocument;
}

const content = (document: StoredDocument | undefined) => (document === undefined ? 'absent' : unseal(document));

describe('DocumentReader', () => {
  test('a sound document is decoded and stays', async () => {
    const document = await stored(seal(ID, { a: 1 }));
    expect(await reader.read(document, content)).toEqual({ a: 1 });
    expect(await reader.read(undefined, content)).toBe('absent');
    expect([told, store.calls]).toEqual([[], []]);
  });

  test('a damaged document is moved aside, counts as absent and is reported', async () => {
    const document = await stored(DAMAGED);
    expect(await reader.read(document, content)).toBe('absent');
    const quarantinedAs = `quarantine/wx1/${checksum(ID)}-${document.version}`;
    expect(told).toEqual([{ id: ID, version: document.version, quarantinedAs }]);
    const [now, aside] = await memory.get([ID, quarantinedAs]);
    expect(now).toBeUndefined();
    expect(aside?.data).toEqual({ id: ID, version: document.version, damaged: DAMAGED });
  });

  test('exactly the version that was read is moved aside: a newer one stays, and nothing is reported', async () => {
    const document = await stored(DAMAGED);
    const newer = await stored(seal(ID, { a: 2 }));
    expect(await reader.read(document, content)).toBe('absent');
    expect(await memory.get([ID])).toEqual([newer]);
    expect(told).toEqual([]);
  });

  test('a move that was begun before is completed', async () => {
    const document = await stored(DAMAGED);
    const id = `quarantine/wx1/${checksum(ID)}-${document.version}`;
    await memory.set(id, { id: ID, version: document.version, damaged: DAMAGED }, 0);
    await reader.read(document, content);
    expect(await memory.get([ID])).toEqual([undefined]);
    expect(told).toHaveLength(1);
  });

  test('a document that could not be moved aside is not deleted', async () => {
    const document = await stored(DAMAGED);
    store.before = (method) => {
      if (method === 'set') throw new Error('full');
    };
    await expect(reader.read(document, content)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await memory.get([ID])).toEqual([document]);
    expect(told).toEqual([]);
  });

  test('any other error is thrown and moves nothing', async () => {
    const document = await stored(seal(ID, { a: 1 }));
    const error = new TokenError('STORE_UNAVAILABLE', 'newer format');
    const read = reader.read(document, () => {
      throw error;
    });
    await expect(read).rejects.toBe(error);
    expect(await memory.get([ID])).toEqual([document]);
    expect(store.calls).toEqual([]);
  });

  test('a document with an odd id is moved aside too', async () => {
    const version = (await memory.set('odd', DAMAGED, 0)) as number;
    await reader.read({ id: 'odd', version, data: DAMAGED }, content);
    expect(told).toEqual([{ id: 'odd', version, quarantinedAs: `quarantine/unknown/${checksum('odd')}-${version}` }]);
  });
});

describe('DocumentReader, where the caller has an answer for a document that cannot be decoded', () => {
  const throwing = (error: Error) => () => {
    throw error;
  };
  const unreadable = ({ message }: TokenError) => `unreadable: ${message}`;

  test('the answer of the caller takes the place of a document of a newer release', async () => {
    const document = await stored(seal(ID, { a: 1 }));
    const decode = throwing(new TokenError('STORE_UNAVAILABLE', 'newer format'));
    expect(await reader.read<string>(document, decode, unreadable)).toBe('unreadable: newer format');
    expect(await memory.get([ID])).toEqual([document]);
  });

  test('an error in the program is thrown all the same', async () => {
    const document = await stored(seal(ID, { a: 1 }));
    const error = new TypeError('no function');
    await expect(reader.read<string>(document, throwing(error), unreadable)).rejects.toBe(error);
  });

  test('a damaged document counts as absent, and a store that cannot move it aside is an error', async () => {
    const document = await stored(DAMAGED);
    store.before = throwing(new Error('full'));
    await expect(reader.read<unknown>(document, content, unreadable)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    store.before = () => {};
    expect(await reader.read<unknown>(document, content, unreadable)).toBe('absent');
  });
});

describe('DocumentReader, over the store of a fleet', () => {
  const DUE = { lane: 'main', at: 5_000_000_000_000 };

  beforeEach(() => {
    const claiming = new FaultyStore(new ClaimingStore(memory));
    const supervised = new SupervisedStore(claiming, new FakeClock(), { unavailable() {}, available() {} });
    reader = new DocumentReader(supervised, (event) => told.push(event));
  });

  async function storedWithDue(data: StoredDocument['data'], expected = 0): Promise<StoredDocument> {
    await memory.set(ID, data, expected, { due: DUE });
    return (await memory.get([ID]))[0] as StoredDocument;
  }

  test('an empty document that is due at once takes the place of a damaged one that was scheduled', async () => {
    const document = await storedWithDue(DAMAGED);
    let left: StoredDocument | undefined;
    const answer = await reader.read(document, (read) => {
      left = read;
      return content(read);
    });
    expect(answer).toEqual({});
    expect(await memory.get([ID])).toEqual([left]);
    expect(left).toMatchObject({ id: ID, due: { lane: 'main', at: 0 } });
    const quarantinedAs = `quarantine/wx1/${checksum(ID)}-${document.version}`;
    expect(told).toEqual([{ id: ID, version: document.version, quarantinedAs }]);
    expect((await memory.get([quarantinedAs]))[0]?.data).toMatchObject({ damaged: DAMAGED });
  });

  test('a damaged document that was not scheduled counts as absent', async () => {
    const document = await stored(DAMAGED);
    expect(await reader.read(document, content)).toBe('absent');
    expect(await memory.get([ID])).toEqual([undefined]);
  });

  test('a scheduled document that was written meanwhile stays, and nothing is reported', async () => {
    const document = await storedWithDue(DAMAGED);
    const newer = await storedWithDue(seal(ID, { a: 2 }), document.version);
    expect(await reader.read(document, content)).toBe('absent');
    expect(await memory.get([ID])).toEqual([newer]);
    expect(told).toEqual([]);
  });
});

test('a damaged document with a due leaves nothing behind in a store that hands out no dues', async () => {
  await memory.set(ID, DAMAGED, 0, { due: { lane: 'main', at: 1 } });
  const [document] = await memory.get([ID]);
  expect(await reader.read(document, content)).toBe('absent');
  expect(await memory.get([ID])).toEqual([undefined]);
});
