import { claimScript, findDueScript } from './claim-scripts.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisScript } from './redis-script.js';

/** The numbers of documents that one script can lease. Each number needs its own script, so that there are only a few. */
const SIZES = [1, 4, 16, 64];
const LARGEST = 64;
const MAX_FOUND = 256;
/**
 * The time for which other processes do not find the documents that are about to be claimed. If a process dies between
 * the two scripts, its documents are delayed by this time.
 */
const PUT_OFF_MS = 1_000;

type Run = (script: RedisScript, keys: readonly string[], args: readonly string[]) => Promise<unknown>;

interface Found {
  readonly id: string;
  readonly lane: string;
}

export interface Claimed {
  readonly id: string;
  readonly text: unknown;
}

export interface ClaimRequest {
  /** The lanes, in the form that `laneName` returns. */
  readonly lanes: readonly string[];
  readonly limit: number;
  readonly owner: string;
  /** The lifetime of the leases in whole milliseconds. */
  readonly ttl: string;
}

/** Leases due documents in two steps: one script finds them, and another one, which is called with their keys, leases them. */
export class DueClaims {
  readonly #keys: RedisKeys;
  readonly #run: Run;

  constructor(keys: RedisKeys, run: Run) {
    this.#keys = keys;
    this.#run = run;
  }

  /**
   * Claims until the limit is reached or no documents are left. A failure after the first claims ends the loop without an
   * error.
   */
  async claim(request: ClaimRequest): Promise<Claimed[]> {
    const claimed: Claimed[] = [];
    try {
      while (claimed.length < request.limit) {
        const wanted = Math.min(MAX_FOUND, request.limit - claimed.length);
        const found = await this.#find(request.lanes, wanted);
        const before = claimed.length;
        await this.#lease(found, request, claimed);
        const isShared = claimed.length - before < found.length;
        if (found.length < wanted && !isShared) break;
      }
    } catch (error) {
      if (claimed.length === 0) throw error;
    }
    return claimed;
  }

  async #find(lanes: readonly string[], limit: number): Promise<Found[]> {
    const keys = lanes.map((lane) => this.#keys.due(lane));
    const answer = (await this.#run(findDueScript(lanes.length), keys, [String(limit), String(PUT_OFF_MS)])) as (
      | string
      | number
    )[];
    return pairsOf(answer).map(([lane, id]) => ({ id: String(id), lane: lanes[Number(lane)] ?? '' }));
  }

  /** Adds the documents that could be leased to `claimed`, in the order in which they were found. */
  async #lease(found: readonly Found[], { owner, ttl }: ClaimRequest, claimed: Claimed[]): Promise<void> {
    const chunks: (readonly Found[])[] = [];
    for (let start = 0; start < found.length; start += LARGEST) chunks.push(found.slice(start, start + LARGEST));
    const answers = await Promise.allSettled(chunks.map((chunk) => this.#leaseChunk(chunk, owner, ttl)));
    for (const answer of answers) if (answer.status === 'fulfilled') claimed.push(...answer.value);
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }

  async #leaseChunk(chunk: readonly Found[], owner: string, ttl: string): Promise<Claimed[]> {
    const size = SIZES.find((count) => count >= chunk.length) ?? LARGEST;
    const keys = chunk.flatMap(({ id, lane }) => [this.#keys.document(id), this.#keys.lease(id), this.#keys.due(lane)]);
    const args = chunk.flatMap(({ id, lane }) => [id, lane]);
    for (let place = chunk.length; place < size; place++) {
      keys.push(this.#keys.version, this.#keys.version, this.#keys.version);
      args.push('', '');
    }
    const answer = (await this.#run(claimScript(size), keys, [owner, ttl, ...args])) as string[];
    return pairsOf(answer).map(([id, text]) => ({ id, text }));
  }
}

function pairsOf<Item>(items: readonly Item[]): [Item, Item][] {
  const pairs: [Item, Item][] = [];
  for (let index = 0; index + 1 < items.length; index += 2)
    pairs.push([items[index] as Item, items[index + 1] as Item]);
  return pairs;
}
