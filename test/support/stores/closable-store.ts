import type { TokenManager, TokenStore } from '../../../src/index.js';
import type { World } from '../worlds/world.js';
import { FaultyStore, shared } from './shared-store.js';

/** The promised bound of `close`, with the store's part in it. */
export const CLOSES_WITHIN_MS = 21_000;

/** Provides a store that a manager closes, after which every command fails and is counted. */
export class ClosableStore extends FaultyStore {
  isClosed = false;
  commandsAfterClose = 0;
  watchesEnded = 0;
  watching: Promise<void> | undefined;
  notify: ((id: string | undefined) => void) | undefined;

  constructor(store: TokenStore) {
    super(store);
    this.before = (method) => this.fail(method);
  }

  fail(method: string): void {
    if (method === 'close') {
      this.isClosed = true;
    } else if (this.isClosed) {
      this.commandsAfterClose += 1;
      throw new Error('the store is closed');
    }
  }

  /** Delays each command from now on, or those of a method. */
  slow(delay: (method: string) => Promise<void>): void {
    this.before = (method) => {
      this.fail(method);
      return method === 'close' ? undefined : delay(method);
    };
  }

  override async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.fail('watch');
    await this.watching;
    this.notify = changed;
    return async () => {
      this.watchesEnded += 1;
      this.notify = undefined;
    };
  }
}

/** Returns a process on a store that it closes. */
export function closable(world: World): { store: ClosableStore; tokens: TokenManager } {
  const store = new ClosableStore(shared(world.store));
  return { store, tokens: world.manager({ store }) };
}

/** Closes a manager, and returns how long that took. */
export async function closed(world: World, tokens: Pick<TokenManager, 'close'>): Promise<number> {
  const begun = world.clock.monotonic();
  let took = Number.POSITIVE_INFINITY;
  const closing = tokens.close().then(() => {
    took = world.clock.monotonic() - begun;
  });
  await world.clock.advance(0);
  for (let passed = 0; passed < 2 * CLOSES_WITHIN_MS && took === Number.POSITIVE_INFINITY; passed += 500) {
    await world.clock.advance(500);
  }
  if (took !== Number.POSITIVE_INFINITY) await closing;
  return took;
}

/** Returns how many timers are left after a close, and how many commands are sent within ten minutes. */
export async function isQuiet(world: World, store: ClosableStore): Promise<[timers: number, commands: number]> {
  const timers = world.clock.pendingTimers;
  await world.clock.advance(600_000);
  return [timers + world.clock.pendingTimers, store.commandsAfterClose];
}
