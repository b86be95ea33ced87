import { randomUUID } from 'node:crypto';
import type { Due, Lease, StoredDocument, TokenStore } from '../../core/model/store.js';
import { readFields } from '../../core/primitives/assert-options.js';
import type { JsonObject } from '../../core/primitives/json.js';
import { ChangeSubscription } from './change-subscription.js';
import { dataText, decodeDocument, dueText, ForeignValue, laneName } from './document-text.js';
import { driverOf } from './driver-of.js';
import { DueClaims } from './due-claims.js';
import { warnOfEviction } from './eviction-warning.js';
import { listIds } from './id-pages.js';
import { likelyLane, runInLane } from './likely-lane.js';
import type { RedisClient } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';
import { RedisFailure } from './redis-failure.js';
import { RedisKeys } from './redis-keys.js';
import type { PublishingScript, RedisScript } from './redis-script.js';
import { DELETE, LEASE, NOW, RELEASE, readScript, SET } from './redis-scripts.js';

const MOST_CLAIMS = 1_000_000;
/** The numbers of documents that one script can read. Each number needs its own script, so that there are only a few. */
const READ_SIZES = [1, 2, 3, 4, 8, 16, 32, 64, 128, 256];
const LARGEST_READ = 256;

/**
 * The options of `new RedisStore(client, options)`.
 *
 * @public
 */
export interface RedisStoreOptions {
  /**
   * The prefix of the names of all keys. It becomes the hash tag that keeps them together in a cluster, unless it has one of
   * its own. Processes that use the same server and prefix form a fleet.
   *
   * @defaultValue `'wechat-token-manager'`
   * @bounds 1 to 128 printable ASCII characters without spaces
   */
  readonly prefix?: string;
}

/**
 * Keeps documents in Redis, shared by all processes that use the same server and prefix.
 *
 * The client stays its owner's: the store neither opens it again after the owner has closed it nor closes it, except where
 * the store connected it. A client that is not connected yet is connected at the first use and then closed with the store.
 * For `watch` it is duplicated; that connection is the store's own. While Redis cannot be reached, methods reject at
 * once, with an error that has Redis' or the system's `code` and nothing of the command.
 *
 * The durability of a write depends on the server: `appendfsync always` survives a crash of the machine, the default of
 * an append-only file may lose the last second. Set `maxmemory-policy` to `noeviction`; with a policy that deletes any key, the
 * process gets a warning `WTM_REDIS_EVICTION`. The scripts need Redis 6 or later; every key
 * in them is a literal `KEYS[n]`, as the proxies of hosted clusters want it.
 *
 * @example
 * ```ts
 * import { createClient } from 'redis';
 * import { RedisStore } from 'wechat-token-manager/redis';
 *
 * const client = createClient({ url: process.env.REDIS_URL });
 * const tokens = new TokenManager({ store: new RedisStore(client) });
 * ```
 *
 * @public
 */
export class RedisStore implements TokenStore {
  readonly #connection: RedisConnection;
  readonly #subscription: ChangeSubscription;
  readonly #keys: RedisKeys;
  readonly #claims: DueClaims;
  /** The owner token in Redis of each lease that was handed out. */
  readonly #owners = new WeakMap<Lease, string>();
  #checkedForEviction = false;
  /** Whether the scripts publish changes. The server may refuse that. */
  #publishesInScripts = true;

  /**
   * @param client - connected, connecting or not connected yet.
   * @throws TypeError when it is no such client, or an option is not what it must be.
   */
  constructor(client: RedisClient, options: RedisStoreOptions = {}) {
    const given = readFields<RedisStoreOptions>(options, ['prefix'], 'the options of RedisStore');
    const { prefix = 'wechat-token-manager' } = given;
    this.#keys = new RedisKeys(prefix);
    const driver = driverOf(client);
    this.#connection = new RedisConnection(driver);
    this.#claims = new DueClaims(this.#keys, (script, keys, args) => this.#run(script, keys, args));
    this.#subscription = new ChangeSubscription(driver, this.#keys.channel);
  }

  async now(): Promise<number> {
    const now = Number(await this.#run(NOW));
    if (!this.#checkedForEviction) {
      this.#checkedForEviction = true;
      void warnOfEviction(this.#connection, this.#keys.version);
    }
    return now;
  }

  async get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    this.#connection.assertOpen();
    if (ids.length === 0) return [];
    const chunks: (readonly string[])[] = [];
    for (let start = 0; start < ids.length; start += LARGEST_READ) chunks.push(ids.slice(start, start + LARGEST_READ));
    return (await Promise.all(chunks.map((chunk) => this.#read(chunk)))).flat();
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    const { due, lease } = options;
    const owner = lease?.id === id ? this.#owners.get(lease) : undefined;
    const lane = due === undefined ? '' : laneName(due.lane);
    const texts = [dataText(data), dueText(due), due === undefined ? '' : String(due.at), lane];
    const answer = await runInLane(laneOf(lease, id), (stored) => {
      const keys = [this.#keys.document(id), this.#keys.lease(id), this.#keys.ids];
      const lanes = [this.#keys.due(lane), this.#keys.due(stored)];
      return this.#write(
        id,
        SET,
        [...keys, ...lanes],
        [id, String(expected), ...texts, stored, owner ?? '', this.#keys.channel],
      );
    });
    if (answer === null) return undefined;
    const version = Math.abs(Number(answer));
    if (Number(answer) < 0) this.#publish(`${version} ${id}`);
    // The write has succeeded. A lease that cannot be released expires.
    if (owner === undefined) await lease?.release().catch(() => undefined);
    return version;
  }

  async delete(id: string, expected: number): Promise<boolean> {
    const answer = await runInLane(likelyLane(id), (lane) => {
      const keys = [this.#keys.document(id), this.#keys.ids, this.#keys.due(lane)];
      return this.#write(id, DELETE, keys, [id, String(expected), lane, this.#keys.channel]);
    });
    if (Number(answer) < 0) this.#publish(`0 ${id}`);
    return Number(answer) !== 0;
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): AsyncGenerator<StoredDocument, void, undefined> {
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    let left = limit;
    const command = (args: readonly string[]): Promise<unknown> => this.#connection.send(args, this.#keys.ids);
    this.#connection.assertOpen();
    for await (const ids of listIds(command, this.#keys.ids, prefix, after, limit)) {
      for (const document of await this.get(ids)) {
        if (document === undefined) continue;
        if (left <= 0) return;
        left -= 1;
        yield document;
        this.#connection.assertOpen();
      }
      if (left <= 0) return;
    }
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    const owner = randomUUID();
    const answer = await runInLane(likelyLane(id), (lane) => {
      const keys = [this.#keys.document(id), this.#keys.lease(id), this.#keys.due(lane)];
      return this.#runOn(id, LEASE, keys, [id, owner, wholeMs(ttlMs), lane]);
    });
    if (!Array.isArray(answer)) return undefined;
    return this.#granted(id, owner, answer[0]);
  }

  async claimDue(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]> {
    this.#connection.assertOpen();
    if (lanes.length === 0 || !(limit > 0)) return [];
    const owner = randomUUID();
    const claimed = await this.#claims.claim({
      lanes: lanes.map(laneName),
      limit: Math.ceil(Math.min(limit, MOST_CLAIMS)),
      owner,
      ttl: wholeMs(ttlMs),
    });
    return claimed.map(({ id, text }) => this.#granted(id, owner, text));
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#connection.assertOpen();
    this.#connection.assertUsable();
    const end = await this.#subscription.add(changed);
    if (this.#connection.isClosed) await end();
    this.#connection.assertOpen();
    return end;
  }

  async close(): Promise<void> {
    if (this.#connection.isClosed) return;
    this.#connection.close();
    await this.#subscription.end();
  }

  async #run(script: RedisScript, keys: readonly string[] = [], args: readonly string[] = []): Promise<unknown> {
    return this.#connection.run(script, [this.#keys.version, ...keys], args);
  }

  async #read(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    const size = READ_SIZES.find((count) => count >= ids.length) ?? LARGEST_READ;
    const keys = ids.map((id) => this.#keys.document(id));
    // The remaining keys are filled with one whose value is short.
    while (keys.length < size) keys.push(this.#keys.version);
    const texts = (await this.#connection.run(readScript(size), keys)) as unknown[];
    return ids.map((id, index) => decodeDocument(id, texts[index]));
  }

  /** Runs a script that changes a document. If the server refuses it because of its PUBLISH, the variant without is used. */
  async #write(
    id: string,
    script: PublishingScript,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    if (!this.#publishesInScripts) return this.#runOn(id, script.silent, keys, args);
    try {
      return await this.#runOn(id, script.publishing, keys, args);
    } catch (error) {
      if (!(error instanceof RedisFailure) || error.code !== 'ERR') throw error;
      const answer = await this.#runOn(id, script.silent, keys, args).catch(() => Promise.reject(error));
      this.#publishesInScripts = false;
      return answer;
    }
  }

  /** Publishes a change by a separate command. A lost message is harmless, because watchers also poll. */
  #publish(message: string): void {
    this.#connection.send(['publish', this.#keys.channel, message], this.#keys.version).catch(() => undefined);
  }

  /** Runs a script that concerns one document. */
  async #runOn(id: string, script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#run(script, keys, args);
    } catch (error) {
      if (error instanceof RedisFailure && /^(FOREIGN|WRONGTYPE)$/.test(error.code ?? '')) throw new ForeignValue(id);
      throw error;
    }
  }

  #granted(id: string, owner: string, text: unknown): Lease {
    const document = decodeDocument(id, text);
    const lease: Lease = {
      id,
      document,
      release: async () => {
        await runInLane(laneOf({ id, document }, id), (lane) => {
          const keys = [this.#keys.document(id), this.#keys.lease(id), this.#keys.due(lane)];
          return this.#run(RELEASE, keys, [id, owner, lane]);
        });
      },
    };
    this.#owners.set(lease, owner);
    return lease;
  }
}

/** Returns the lane of a document: the one that it had when its lease was granted, or the one that is likely. */
function laneOf(lease: Pick<Lease, 'id' | 'document'> | undefined, id: string): string {
  const due = lease?.id === id ? lease.document?.due : undefined;
  return due === undefined ? likelyLane(id) : laneName(due.lane);
}

function wholeMs(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}
