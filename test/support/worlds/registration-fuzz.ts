import { wait } from '../../../src/core/concurrency/clock.js';
import { engineOf } from '../../../src/core/engine/engine-of.js';
import { isTokenError } from '../../../src/core/model/errors.js';
import { keyId } from '../../../src/core/model/token-key.js';
import { unseal } from '../../../src/core/store/document-codec.js';
import { MemoryStore, TokenManager, type TokenStore } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { ClaimingStore } from '../stores/claiming-store.js';
import { FaultyStore, shared } from '../stores/shared-store.js';

const APPS = ['wx1', 'wx2'];
const TYPES = ['t1', 't2', 't3'] as const;
type Type = (typeof TYPES)[number];
const OPERATIONS = 14;
const WITHIN_MS = 600;
const SLOWEST_COMMAND_MS = 60;
/** A time that is longer than the interval of any poll of the store. */
const SETTLES_MS = 150_000;

/** What one process knows, or the store has: the secret of each app, and the keys of the tasks. */
interface Knowledge {
  readonly secrets: Readonly<Record<string, string | undefined>>;
  readonly tasks: readonly string[];
}

export interface Disagreement {
  readonly manager: number;
  readonly known: Knowledge;
  readonly stored: Knowledge;
}

/**
 * Runs three managers on one slow store that register, replace and unregister the same apps at random and start at random
 * times, and compares what each of them knows in the end with what is stored.
 */
export async function fuzzRegistrations(seed: number, fleet: boolean): Promise<Disagreement[]> {
  const random = randomOf(seed);
  const clock = new FakeClock({ random });
  const memory = new MemoryStore({ clock });
  const store: TokenStore = fleet ? new ClaimingStore(memory) : memory;
  const managers = [0, 1, 2].map(() => slowManager(store, clock, random));
  const work = Array.from({ length: OPERATIONS }, async () => {
    await wait(clock, Math.floor(random() * WITHIN_MS));
    const manager = managers[Math.floor(random() * managers.length)] as TokenManager<Type>;
    // A call that gives up because the others write meanwhile has to leave everything in step as well.
    await operate(manager, random).catch((error: unknown) => {
      if (!isTokenError(error) || error.code !== 'STORE_UNAVAILABLE') throw error;
    });
  });
  await clock.advance(WITHIN_MS + SETTLES_MS);
  await Promise.all(work);
  const stored = await storedKnowledge(store);
  const disagreements = managers.flatMap((manager, index) => {
    const known = knowledgeOf(manager);
    return agrees(known, stored, fleet) ? [] : [{ manager: index, known, stored }];
  });
  const closed = Promise.all(managers.map((manager) => manager.close()));
  await clock.advance(20_000);
  await closed;
  return disagreements;
}

function slowManager(store: TokenStore, clock: FakeClock, random: () => number): TokenManager<Type> {
  const slow = new FaultyStore(shared(store));
  const delay = (): Promise<void> => wait(clock, Math.floor(random() * SLOWEST_COMMAND_MS));
  slow.before = delay;
  slow.afterSet = delay;
  slow.afterGet = delay;
  slow.afterList = delay;
  let serial = 0;
  const refreshers = TYPES.map((type) => ({
    type,
    refresh: async () => ({ value: `value-${serial++}`, expiresInSeconds: 7200 }),
  }));
  return new TokenManager<Type>({ store: slow, clock, refreshers });
}

async function operate(manager: TokenManager<Type>, random: () => number): Promise<void> {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const appid = pick(APPS);
  const type = pick(TYPES);
  switch (Math.floor(random() * 6)) {
    case 0:
      return manager.unregister(appid);
    case 1:
      return manager.unregister(appid, type);
    case 2:
      return manager.start();
    case 3:
      await manager.get(appid, type).catch(() => {});
      return;
    default:
      return manager.register({ appid, secret: `secret-${Math.floor(random() * 4)}`, tasks: [type, pick(TYPES)] });
  }
}

async function storedKnowledge(store: TokenStore): Promise<Knowledge> {
  const secrets: Record<string, string | undefined> = {};
  const tasks: string[] = [];
  for await (const document of store.list('app')) {
    secrets[document.id.slice('app/'.length)] = unseal(document)['secret'] as string | undefined;
  }
  for await (const { id } of store.list('task')) tasks.push(id.slice('task/'.length));
  return { secrets, tasks: tasks.sort() };
}

function knowledgeOf(manager: TokenManager<Type>): Knowledge {
  const { registry } = engineOf(manager);
  const apps = APPS.map((appid) => registry.app(appid)).filter((app) => app !== undefined);
  return {
    secrets: Object.fromEntries(apps.map(({ appid, secret }) => [appid, secret])),
    tasks: [...registry.tasks()].map(({ key }) => keyId(key)).sort(),
  };
}

/** Returns whether a process agrees with the store: alone it knows everything, in a fleet nothing that is wrong. */
function agrees(known: Knowledge, stored: Knowledge, fleet: boolean): boolean {
  const isTrue =
    Object.entries(known.secrets).every(([appid, secret]) => stored.secrets[appid] === secret) &&
    known.tasks.every((task) => stored.tasks.includes(task));
  if (fleet || !isTrue) return isTrue;
  const isStarted = known.tasks.length > 0 || Object.keys(known.secrets).length > 0;
  const isAll =
    known.tasks.length === stored.tasks.length &&
    Object.keys(known.secrets).length === Object.keys(stored.secrets).length;
  return isAll || !isStarted;
}

/** Returns a small generator of repeatable numbers (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
