import { isTokenError } from '../../../src/core/model/errors.js';
import { TokenManager } from '../../../src/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { RestorableStore, type State } from '../stores/restorable-store.js';
import { FaultyStore, shared } from '../stores/shared-store.js';
import { seeded } from './fleet-world.js';
import { RotatingRefresher } from './rotating-refresher.js';
import { ID, TYPE, USER } from './rotating-world.js';
import { APPID, SECRET } from './world.js';

const STEPS = 20;
const LIFE_SECONDS = 1_800;
const PAUSES_MS = [10, 10, 500, 5_000, 70_000, 400_000];
const SLOWEST_COMMAND_MS = 40;
/** A time that is longer than the interval of any poll of the store, and than a refresh. */
const SETTLES_MS = 900_000;

/** A loss that was found in the end, and the operations before it. */
export interface LostToken {
  readonly what: string;
  readonly done: readonly string[];
}

/**
 * Runs two or three managers on a slow store that put and use up refresh tokens of which one alone is good at a time, while
 * earlier states of the store are restored, and looks in the end whether the store and each manager have a good one.
 */
export async function fuzzRotations(seed: number, fleet: boolean): Promise<LostToken[]> {
  const random = seeded(seed * 7_919);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const clock = new FakeClock({ random });
  const versions = pick(['counted', 'of the clock'] as const);
  const store = new RestorableStore(clock, { isShared: fleet, versions });
  const upstream = new RotatingRefresher();
  upstream.lifeSeconds = LIFE_SECONDS;
  const done: string[] = [versions];
  const delayed = (): Promise<void> | undefined =>
    random() < 0.5
      ? new Promise((resolve) => void clock.setTimer(resolve, 1 + random() * SLOWEST_COMMAND_MS))
      : undefined;
  const managers = Array.from({ length: pick([2, 3]) }, () => {
    const way = new FaultyStore(shared(store));
    way.before = delayed;
    return new TokenManager<'user_token'>({ store: way, clock, refreshers: [upstream] });
  });
  const settled = async <Result>(call: Promise<Result>): Promise<Result> => {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    call.then(over, over);
    while (!isOver) await clock.advance(100);
    return call;
  };
  const login = async (tokens: TokenManager<'user_token'>): Promise<void> => {
    const refreshToken = upstream.authorize();
    done.push(`put of ${refreshToken}`);
    const lateMs = pick([0, 0, 2_000, 600_000]);
    const grant = { value: `login with ${refreshToken}`, expiresInSeconds: LIFE_SECONDS, refreshToken };
    await settled(tokens.put(APPID, TYPE, { ...grant, obtainedAt: clock.now() - lateMs }, USER));
  };
  const first = managers[0] as TokenManager<'user_token'>;
  await settled(first.register({ appid: APPID, secret: SECRET, tasks: [{ type: TYPE, ...USER }] }));
  for (const tokens of managers) await settled(tokens.start());
  await login(first);
  await clock.advance(70_000);
  const states: State[] = [store.state()];
  for (let step = 0; step < STEPS; step++) {
    const tokens = pick(managers);
    switch (pick(['get', 'refresh', 'refresh', 'keep', 'restore', 'restore', 'put', 'put', 'put'])) {
      case 'get':
        tokens.get(APPID, TYPE, USER).catch(expectTokenError);
        break;
      case 'refresh':
        tokens.refresh(APPID, TYPE, { ...USER, force: true }).catch(expectTokenError);
        done.push('refresh');
        break;
      case 'keep':
        states.push(store.state());
        done.push('keep');
        break;
      case 'restore':
        store.restore(pick(states));
        if (random() < 0.5) store.tell();
        done.push('restore');
        break;
      case 'put':
        await login(tokens);
        if (random() < 0.5) store.tell(ID);
    }
    await clock.advance(pick(PAUSES_MS));
    done.push(`sent ${upstream.sent.at(-1)}, stored ${storedToken(store)}`);
  }
  await clock.advance(SETTLES_MS);
  // Of two independent authorizations the good one may be in reserve: the next refresh uses it.
  if (!upstream.isGood(storedToken(store))) await clock.advance(LIFE_SECONDS * 1_000);
  const lost: LostToken[] = [];
  if (!upstream.isGood(storedToken(store))) lost.push({ what: `${storedToken(store)} is stored`, done });
  for (const [index, tokens] of managers.entries()) {
    const value = await settled(tokens.get(APPID, TYPE, USER)).catch((error: Error) => error);
    if (value instanceof Error) lost.push({ what: `manager ${index}: ${value.message}`, done });
  }
  await settled(Promise.all(managers.map((tokens) => tokens.close())));
  return lost;
}

function storedToken(store: RestorableStore): string | undefined {
  return (store.data(ID)?.['rotation'] as { readonly token?: string } | undefined)?.token;
}

function expectTokenError(error: unknown): void {
  if (!isTokenError(error)) throw error;
}
