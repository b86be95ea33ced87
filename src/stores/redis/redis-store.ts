import { randomUUID } from 'node:crypto';
import { readFields } from '../../core/assert-options.js';
import type { JsonObject } from '../../core/json.js';
import type { Due, Lease, StoredDocument, TokenStore } from '../../core/store.js';
import { ChangeSubscription } from './change-subscription.js';
import { dataText, decodeDocument, dueText, ForeignValue, laneName } from './document-text.js';
import { driverOf } from './driver-of.js';
import { warnOfEviction } from './eviction-warning.js';
import { listIds } from './id-pages.js';
import type { RedisClient } from './redis-client.js';
import { RedisConnection } from './redis-connection.js';
import { RedisFailure } from './redis-failure.js';
import { RedisKeys } from './redis-keys.js';
import { CLAIM, DELETE, GET, LEASE, NOW, RELEASE, type RedisScript, SET } from './redis-scripts.js';

const MOST_CLAIMS = 1_000_000;

/**
 * @public
 */
export interface RedisStoreOptions {
  /**
   * What the names of all keys begin with: 1 to 128 printable ASCII characters without spaces. It becomes the hash tag that
   * keeps them together in a cluster, unless it has one of its own.
   *
   * @defaultValue `'wechat-token-manager'`
   */
  readonly prefix?: string;
}

/**
 * A store in Redis, shared by all processes that use the same server and prefix.
 *
 * The client stays its owner's: the store neither opens it again after the owner has closed it nor closes it, except where
 * the store connected it. A client that is not connected yet is connected at the first use and then closed with the store.
 * For `watch` it is duplicated; that connection is the store's own. While Redis cannot be reached, methods reject at
 * once, with an error that has Redis' or the system's `code` and nothing of the command.
 *
 * How durable a write is, is up to the server: `appendfsync always` survives a crash of the machine, the default of
 * an append-only file may lose the last second. Set `maxmemory-policy` to `noeviction`; with a policy that deletes any key, the
 * process gets a warning `WTM_REDIS_EVICTION`. The scripts need Redis 6 or later.
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
  /** By each lease that was handed out, the token that says in Redis whose it is. */
  readonly #owners = new WeakMap<Lease, string>();
  #checkedForEviction = false;
  #closed = false;

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
    this.#assertOpen();
    if (ids.length === 0) return [];
    const texts = (await this.#run(
      GET,
      ids.map((id) => this.#keys.document(id)),
    )) as unknown[];
    return ids.map((id, index) => decodeDocument(id, texts[index]));
  }

  async set(
    id: string,
    data: JsonObject,
    expected: number,
    options: { readonly due?: Due; readonly lease?: Lease } = {},
  ): Promise<number | undefined> {
    const { due, lease } = options;
    const owner = lease?.id === id ? this.#owners.get(lease) : undefined;
    const version = await this.#runOn(
      id,
      SET,
      [this.#keys.document(id), this.#keys.lease(id), this.#keys.ids],
      [
        id,
        String(expected),
        dataText(data),
        dueText(due),
        due === undefined ? '' : String(due.at),
        due === undefined ? '' : laneName(due.lane),
        owner ?? '',
        this.#keys.channel,
      ],
    );
    if (version === null) return undefined;
    // The write counts; a lease that cannot be given back lapses.
    if (owner === undefined) await lease?.release().catch(() => undefined);
    return Number(version);
  }

  async delete(id: string, expected: number): Promise<boolean> {
    const keys = [this.#keys.document(id), this.#keys.ids];
    return Number(await this.#runOn(id, DELETE, keys, [id, String(expected), this.#keys.channel])) === 1;
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): AsyncGenerator<StoredDocument, void, undefined> {
    const { after = '', limit = Number.POSITIVE_INFINITY } = options;
    let left = limit;
    const command = (args: readonly string[]): Promise<unknown> => {
      this.#assertOpen();
      return this.#connection.send(args, this.#keys.ids);
    };
    this.#assertOpen();
    for await (const ids of listIds(command, this.#keys.ids, prefix, after, limit)) {
      for (const document of await this.get(ids)) {
        if (document === undefined) continue;
        if (left <= 0) return;
        left -= 1;
        yield document;
        this.#assertOpen();
      }
      if (left <= 0) return;
    }
  }

  async lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    const owner = randomUUID();
    const keys = [this.#keys.document(id), this.#keys.lease(id)];
    const answer = await this.#runOn(id, LEASE, keys, [id, owner, wholeMs(ttlMs)]);
    if (!Array.isArray(answer)) return undefined;
    return this.#granted(id, owner, answer[0]);
  }

  async claimDue(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]> {
    this.#assertOpen();
    if (lanes.length === 0 || !(limit > 0)) return [];
    const owner = randomUUID();
    const keys = lanes.map((lane) => this.#keys.due(laneName(lane)));
    const most = String(Math.ceil(Math.min(limit, MOST_CLAIMS)));
    const answer = (await this.#run(CLAIM, keys, [most, owner, wholeMs(ttlMs)])) as string[];
    const leases: Lease[] = [];
    for (let index = 0; index < answer.length; index += 2) {
      leases.push(this.#granted(answer[index] as string, owner, answer[index + 1]));
    }
    return leases;
  }

  async watch(changed: (id: string | undefined) => void): Promise<() => Promise<void>> {
    this.#assertOpen();
    this.#connection.assertOpen();
    const end = await this.#subscription.add(changed);
    if (this.#closed) {
      await end();
      this.#assertOpen();
    }
    return end;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#subscription.end();
    this.#connection.close();
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('the store is closed');
  }

  async #run(script: RedisScript, keys: readonly string[] = [], args: readonly string[] = []): Promise<unknown> {
    this.#assertOpen();
    return this.#connection.run(script, [this.#keys.version, ...keys], args);
  }

  /** Runs a script that looks at one document. */
  async #runOn(id: string, script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    try {
      return await this.#run(script, keys, args);
    } catch (error) {
      if (error instanceof RedisFailure && /^(FOREIGN|WRONGTYPE)$/.test(error.code ?? '')) throw new ForeignValue(id);
      throw error;
    }
  }

  #granted(id: string, owner: string, text: unknown): Lease {
    const keys = [this.#keys.document(id), this.#keys.lease(id)];
    const lease: Lease = {
      id,
      document: decodeDocument(id, text),
      release: async () => {
        await this.#run(RELEASE, keys, [id, owner]);
      },
    };
    this.#owners.set(lease, owner);
    return lease;
  }
}

function wholeMs(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}
