import type { TokenManager, TokenManagerOptions } from '../../../src/index.js';
import { FaultyStore, shared } from '../stores/shared-store.js';
import { RotatingRefresher } from './rotating-refresher.js';
import { APPID, SECRET, World, type WorldOptions } from './world.js';

export const USER = { subject: 'openid-1' };
export const TYPE = 'user_token';
export const ID = `key/${APPID}/${TYPE}/openid-1`;
export const LIFE_MS = 7_200_000;
export const LEASE_MS = 20_000;

export class RotatingWorld extends World {
  readonly upstream = new RotatingRefresher();

  process(options: TokenManagerOptions<'user_token'> = {}): TokenManager<'user_token'> {
    return this.manager({ refreshers: [this.upstream], ...options });
  }

  async withTask(params?: object | (() => object)): Promise<TokenManager<'user_token'>> {
    const tokens = this.process();
    await this.register(tokens, params);
    return tokens;
  }

  async register(tokens: TokenManager<'user_token'>, params?: object | (() => object)): Promise<void> {
    const task = { type: TYPE, ...USER, ...(params === undefined ? {} : { params: params as never }) } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
  }

  /** Returns what the store holds of the key. */
  async stored(): Promise<{ rotation?: { token?: string; intent?: object }; grant?: { value: string } } | undefined> {
    return (await this.store.get([ID]))[0]?.data;
  }

  async storedToken(): Promise<string | undefined> {
    return (await this.stored())?.rotation?.token;
  }

  reauthorizations(): number {
    return this.log.filter((line) => line.startsWith('reauthorizationRequired')).length;
  }
}

export function faulty(options: WorldOptions = {}): { world: RotatingWorld; store: FaultyStore } {
  let store: FaultyStore | undefined;
  const world = new RotatingWorld({ ...options, store: (inner) => (store = new FaultyStore(inner)) });
  return { world, store: store as FaultyStore };
}

/** Returns a process whose access to the store its death cuts. */
export function mortal(world: RotatingWorld): {
  process: TokenManager<'user_token'>;
  die: () => void;
  way: FaultyStore;
} {
  const way = new FaultyStore(shared(world.store));
  const die = (): void => {
    way.before = (method) => (method === 'close' ? undefined : new Promise(() => {}));
  };
  return { process: world.process({ store: way }), die, way };
}

export const noWrites = (method: string, id: string | undefined): void => {
  if (method === 'set' && id === ID) throw new Error('disk full');
};
