import type { StoredDocument, TokenManager, TokenManagerOptions } from '../../../src/index.js';
import { FaultyStore, shared } from '../stores/shared-store.js';
import { SECRET, TYPE, World, type WorldOptions } from './world.js';

/** One process of a fleet, and its way to the store. */
export interface Process {
  readonly tokens: TokenManager;
  readonly way: FaultyStore;
  /** Cuts the way for good, without notification. */
  readonly die: () => void;
}

/** A request to WeChat, and its time. */
export interface Fetch {
  readonly appid: string;
  readonly at: number;
}

/** Provides a world in which any number of processes share the schedule that is in the store. */
export class FleetWorld extends World {
  readonly fetches: Fetch[] = [];

  constructor(options: Omit<WorldOptions, 'fleet'> = {}) {
    super({ ...options, fleet: true });
    this.wechat.always = async ({ key: { appid } }) => {
      this.fetches.push({ appid, at: this.clock.now() });
      return {};
    };
  }

  process(options: TokenManagerOptions = {}): Process {
    const way = new FaultyStore(shared(this.store));
    const die = (): void => {
      way.before = (method) => (method === 'close' ? undefined : new Promise(() => {}));
    };
    return { tokens: this.manager({ store: way, ...options }), way, die };
  }

  async started(options: TokenManagerOptions = {}): Promise<Process> {
    const process = this.process(options);
    await process.tokens.start();
    return process;
  }

  /** Starts processes. The type names the first, so that a test need not check that it exists. */
  async fleet(count: number, options: TokenManagerOptions = {}): Promise<[Process, ...Process[]]> {
    const [first, ...others] = await Promise.all(Array.from({ length: count }, () => this.started(options)));
    return [first as Process, ...others];
  }

  /** Registers apps with an access token as their task. */
  async register(tokens: TokenManager, ...appids: readonly string[]): Promise<void> {
    for (const appid of appids) await tokens.register({ appid, secret: SECRET, tasks: [TYPE] });
  }

  /** Counts the claims that are handed out from now on. */
  countClaims(): () => number {
    let claims = 0;
    const claimDue = this.store.claimDue?.bind(this.store);
    this.store.claimDue = async (...args) => {
      const leases = (await claimDue?.(...args)) ?? [];
      claims += leases.length;
      return leases;
    };
    return () => claims;
  }

  fetchesOf(appid: string): readonly Fetch[] {
    return this.fetches.filter((fetch) => fetch.appid === appid);
  }

  async document(id: string): Promise<StoredDocument | undefined> {
    return (await this.store.get([id]))[0];
  }

  async documents(prefix: string): Promise<StoredDocument[]> {
    const documents: StoredDocument[] = [];
    for await (const document of this.store.list(prefix)) documents.push(document);
    return documents;
  }
}

export function appids(count: number): readonly string[] {
  return Array.from({ length: count }, (_unused, index) => `wx${index}`);
}

export function keyOf(appid: string): string {
  return `key/${appid}/${TYPE}`;
}

/** Returns a generator of numbers that look random and are the same each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
