import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TokenManager } from '../../../../src/index.js';
import { FaultyStore } from '../../../support/stores/shared-store.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const REGISTRATION = { appid: APPID, secret: SECRET, tasks: [TYPE, { type: TYPE, subject: 'openid-1' }] } as const;
const FULL = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining("the store's lease failed") };
/** The time of a lease, and that between two looks. */
const ENOUGH_MS = 22_000;

let world: World;
let store: FaultyStore;
let tokens: TokenManager;

beforeEach(async () => {
  world = new World({ store: (memory) => (store = new FaultyStore(memory)) });
  const before = world.manager();
  await before.register(REGISTRATION);
  await before.get(APPID, TYPE);
  await world.clock.advance(1_000);
  await before.close();
  tokens = world.manager();
  await tokens.start();
});

afterEach(async () => {
  store.before = () => {};
  await world[Symbol.asyncDispose]();
});

/** Lets every command fail that writes. */
function fill(): void {
  store.before = (method) => {
    if (['set', 'delete', 'lease', 'claimDue'].includes(method)) throw new Error('full');
  };
}

/** Returns how a promise has settled so far. */
function watch(promise: Promise<unknown>): { state: string; error?: unknown } {
  const outcome: { state: string; error?: unknown } = { state: 'pending' };
  promise.then(
    () => void (outcome.state = 'resolved'),
    (error: unknown) => void Object.assign(outcome, { state: 'rejected', error }),
  );
  return outcome;
}

test('a process that starts on a full disk registers what is stored already, and answers', async () => {
  fill();
  const registering = watch(tokens.register(REGISTRATION));
  await world.clock.advance(19_000);
  expect(registering.state).toBe('pending');
  await world.clock.advance(ENOUGH_MS - 19_000);
  expect(registering.state).toBe('resolved');
  expect(await tokens.get(APPID, TYPE)).toBe('token-1');
  expect(tokens.hasTask(APPID, TYPE, { subject: 'openid-1' })).toBe(true);
});

test.each([
  { what: 'another secret', registration: { ...REGISTRATION, secret: 'another' } },
  { what: 'another task', registration: { ...REGISTRATION, tasks: [{ type: TYPE, subject: 'openid-2' }] as const } },
  { what: 'another app', registration: { ...REGISTRATION, appid: 'wx-another' } },
])('a registration with $what fails at once on a full disk', async ({ registration }) => {
  fill();
  await expect(tokens.register(registration)).rejects.toMatchObject(FULL);
});

test('a store that cannot be read either fails a registration at once', async () => {
  store.before = () => {
    throw new Error('down');
  };
  await expect(tokens.register(REGISTRATION)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

test('a process without the right to write to the store learns that at its first registration', async () => {
  store.before = (method) => {
    if (method === 'lease') throw Object.assign(new Error('denied'), { code: 'EACCES' });
  };
  await expect(tokens.register(REGISTRATION)).rejects.toMatchObject(FULL);
});

test('a registration that is stored already goes on once the disk has room', async () => {
  fill();
  const registering = watch(tokens.register(REGISTRATION));
  await world.clock.advance(3_000);
  store.before = () => {};
  await world.clock.advance(1_100);
  expect(registering.state).toBe('resolved');
});

test('I3: a registration on a full disk does not rely on a document that another process takes back', async () => {
  const id = `app/${APPID}`;
  const [app] = await world.store.get([id]);
  if (app === undefined) throw new Error('the app is not stored');
  fill();
  const registering = watch(tokens.register(REGISTRATION));
  await world.clock.advance(15_000);
  store.before = () => {};
  await world.store.delete(id, app.version);
  fill();
  await world.clock.advance(1_100);
  expect(registering).toMatchObject({ state: 'rejected', error: FULL });
});

test('a registration on a full disk waits for the whole time again after another process has written', async () => {
  const id = `task/${APPID}/${TYPE}`;
  const [task] = await world.store.get([id]);
  if (task === undefined) throw new Error('the task is not stored');
  fill();
  const registering = watch(tokens.register(REGISTRATION));
  await world.clock.advance(15_000);
  store.before = () => {};
  await world.store.set(id, task.data, task.version, task.due === undefined ? {} : { due: task.due });
  fill();
  await world.clock.advance(15_000);
  expect(registering.state).toBe('pending');
  await world.clock.advance(7_000);
  expect(registering.state).toBe('resolved');
});

test('a registration on a full disk ends with the closing of the manager', async () => {
  fill();
  const registering = watch(tokens.register(REGISTRATION));
  await world.clock.advance(3_000);
  const closed = tokens.close();
  await world.clock.advance(0);
  await closed;
  expect(registering).toMatchObject({ state: 'rejected', error: { code: 'CLOSED' } });
});
