import { beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { seal, unseal } from '../../../../src/core/store/document-codec.js';
import { NO_KEY_DOCUMENT, type StoredGrant } from '../../../../src/core/store/key-document.js';
import { MemoryStore, type StoredDocument } from '../../../../src/index.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { type OpenedStorage, openStorage } from '../../../support/worlds/storage.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const ID = 'key/wx1/access_token';
const GRANT: StoredGrant = { value: 'v', obtainedAt: 1, expiresAt: 7_200_001, dueAt: 6_000_000 };
const OF_FIRST = { grant: { ...GRANT }, enrolment: { app: 'first' } };

let memory: MemoryStore;
let storage: OpenedStorage;

beforeEach(() => {
  const clock = new FakeClock();
  memory = new MemoryStore({ clock });
  storage = openStorage(memory, clock);
});

async function put(id: string, content: JsonObject): Promise<StoredDocument> {
  const [before] = await memory.get([id]);
  await memory.set(id, seal(id, content), before?.version ?? 0);
  return (await memory.get([id]))[0] as StoredDocument;
}

/** Registers the app under a mark, and has the registry know it. */
async function enrol(mark: string): Promise<void> {
  await put('app/wx1', { enrolment: mark });
  await storage.registry.reload('app/wx1');
}

describe('KeyDocuments: read', () => {
  test('read returns the document of a key, or that there is none', async () => {
    expect(await storage.documents.read(KEY)).toEqual(NO_KEY_DOCUMENT);
    const { version } = await put(ID, { grant: { ...GRANT } });
    expect(await storage.documents.read(KEY)).toMatchObject({ version, recordVersion: version, grant: GRANT });
  });

  test('read hides the grant of an earlier registration, when the store says so too', async () => {
    await enrol('first');
    await put(ID, OF_FIRST);
    expect(await storage.documents.read(KEY)).toMatchObject({ grant: GRANT });
    await put('app/wx1', { enrolment: 'second' });
    expect(await storage.documents.read(KEY)).toMatchObject({ grant: GRANT });
    await storage.registry.reload('app/wx1');
    const hidden = await storage.documents.read(KEY);
    expect([hidden.grant, hidden.hidden]).toEqual([undefined, GRANT]);
  });

  test('read shows a grant whose registration only this process knows after the store was asked', async () => {
    await enrol('earlier');
    await put('app/wx1', { enrolment: 'first' });
    await put(ID, OF_FIRST);
    expect(await storage.documents.read(KEY)).toMatchObject({ grant: GRANT });
  });
});

describe('KeyDocuments: decoded documents', () => {
  test('a decoded document is not decoded again', async () => {
    await enrol('first');
    const stored = await put(ID, OF_FIRST);
    const decoded = await storage.documents.decode(KEY, stored);
    expect(await storage.documents.decode(KEY, stored, decoded)).toBe(decoded);
  });

  test('a decoded document is hidden when the app has been registered anew since', async () => {
    await enrol('first');
    const stored = await put(ID, OF_FIRST);
    const decoded = await storage.documents.decode(KEY, stored);
    await enrol('second');
    expect(await storage.documents.decode(KEY, stored, decoded)).toMatchObject({ hidden: GRANT });
  });

  test('a hidden document is shown once it belongs to what is registered since', async () => {
    await enrol('second');
    const stored = await put(ID, OF_FIRST);
    const decoded = await storage.documents.decode(KEY, stored);
    expect(decoded).toMatchObject({ hidden: GRANT });
    await enrol('first');
    expect(await storage.documents.decode(KEY, stored, decoded)).toMatchObject({ grant: GRANT });
  });
});

describe('KeyDocuments: write', () => {
  const due = async (): Promise<unknown> => (await memory.get([ID]))[0]?.due;
  const content = async (): Promise<JsonObject> => unseal((await memory.get([ID]))[0] as StoredDocument);

  test('a write stores a grant with its due where the key has a task, and ends the retry state', async () => {
    const trying = { attempts: 1, failedAt: 0, retryAt: 1, registration: '0:0', backingOff: true };
    const failed = { ...trying, error: { code: 'UPSTREAM_UNAVAILABLE', message: 'busy', retryable: true } };
    const before = { ...NO_KEY_DOCUMENT, trying: failed, unknown: { later: 1 } };
    await storage.documents.saveGrant(KEY, before, GRANT, { hadTask: true, dueAt: GRANT.dueAt });
    expect(await content()).toEqual({ grant: GRANT, later: 1 });
    expect(await due()).toEqual({ lane: 'access_token', at: GRANT.dueAt });
  });

  test('a write keeps a key in the schedule, and adds none without a task', async () => {
    const options = { hadTask: false, dueAt: 5 };
    const version = (await storage.documents.save(KEY, NO_KEY_DOCUMENT, options)) as number;
    expect(await due()).toBeUndefined();
    await storage.documents.save(KEY, { ...NO_KEY_DOCUMENT, version, isScheduled: true }, options);
    expect(await due()).toEqual({ lane: 'access_token', at: 5 });
  });

  test('a write replaces the version that was read, and no other', async () => {
    const { version } = await put(ID, {});
    const options = { hadTask: false, dueAt: 0 };
    expect(await storage.documents.save(KEY, NO_KEY_DOCUMENT, options)).toBeUndefined();
    expect(await storage.documents.save(KEY, { ...NO_KEY_DOCUMENT, version }, options)).toBeGreaterThan(version);
  });

  test('a write releases the lease in the same command', async () => {
    const lease = await memory.lease(ID, 20_000);
    await storage.documents.save(KEY, NO_KEY_DOCUMENT, { hadTask: false, dueAt: 0, lease });
    expect(await memory.lease(ID, 20_000)).toBeDefined();
  });
});
