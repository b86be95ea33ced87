import type { Clock } from '../../core/concurrency/clock.js';
import type { StoredDocument } from '../../core/model/store.js';
import { isArray } from '../../core/primitives/foreign-objects.js';
import type { JsonValue } from '../../core/primitives/json.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import { seal, unseal } from '../../core/store/document-codec.js';
import type { DocumentReader } from '../../core/store/document-reader.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import { contended } from '../../core/store/write-errors.js';
import { exclusively } from '../work/exclusively.js';

/** The account to which the exchange of an authorization code has led. */
export interface ExchangeResult {
  /** The appid of the account. */
  readonly authorizer: string;
  /** The ids of its permission sets. */
  readonly permissions: readonly number[];
  /** The time of the authorization, in epoch milliseconds. */
  readonly since: number;
}

/** The state of a code: `asked` if WeChat was asked about it, `restored` if its authorization was looked for since. */
export type CodeState = 'asked' | 'restored' | ExchangeResult;

/** A code by its hash, in the order of the stored array. */
type Entry = readonly [hash: string, endsAt: number, state: 'asked' | 'restored' | readonly JsonValue[]];

interface Slot {
  readonly version: number;
  readonly entries: readonly Entry[];
}

/** The documents are fixed in number for a platform, so that codes leave nothing behind in the store when they expire. */
const SLOTS = 256;
const MAX_OF_SLOT = 1_000;
const MAX_ROUNDS = 20;
/** The time for which a code is remembered, the longest for which WeChat documents one to be good. */
const REMEMBERED_MS = 3_600_000;
/** A lease outlasts the wait for a token, a request to WeChat, and the writes after it. */
const LEASE_MS = 60_000;

/**
 * Remembers to which accounts authorization codes have led, by their hashes. The page to which a merchant comes back knows
 * the code alone, and the push knows the account as well.
 */
export class ExchangedCodes {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #clock: Pick<Clock, 'now'>;

  /** @param clock - the clock of the store. */
  constructor(store: SupervisedStore, reader: DocumentReader, clock: Pick<Clock, 'now'>) {
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Returns what is known of a code; `undefined` if nothing is. */
  async find(component: string, code: string): Promise<CodeState | undefined> {
    const hash = secretHash(code);
    const { entries } = await this.#read(slotOf(component, hash));
    return stateIn(entries, hash);
  }

  /** Notes what is known of a code; `undefined` forgets the code. */
  async note(component: string, code: string, state: CodeState | undefined): Promise<void> {
    const hash = secretHash(code);
    const id = slotOf(component, hash);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { version, entries } = await this.#read(id);
      const others = entries.filter(([stored]) => stored !== hash);
      const own = state === undefined ? [] : [entryOf(hash, this.#clock.now() + REMEMBERED_MS, state)];
      const codes = [...others, ...own].slice(-MAX_OF_SLOT).map((entry): JsonValue => [...entry] as JsonValue[]);
      if ((await this.#store.set(id, seal(id, { codes }), version)) !== undefined) return;
    }
    throw contended(`the document ${id}`, { appid: component });
  }

  /**
   * Runs work with a code that one process of the fleet does at a time, so that WeChat is asked about it once. The lease is
   * that of the code's document, since one of its own would leave its remains in the store.
   *
   * @returns the result; `undefined` while another process works with this code, or with one of the same document.
   */
  exclusively<Result>(component: string, code: string, work: () => Promise<Result>): Promise<Result | undefined> {
    return exclusively(this.#store, slotOf(component, secretHash(code)), LEASE_MS, work);
  }

  /** Reads the codes that are still remembered. One that claims to come from the future might stay for ever. */
  async #read(id: string): Promise<Slot> {
    const [document] = await this.#store.get([id]);
    const { version, entries } = await this.#reader.read(document, slotIn);
    const now = this.#clock.now();
    return { version, entries: entries.filter(([, endsAt]) => endsAt > now && endsAt <= now + 2 * REMEMBERED_MS) };
  }
}

function slotOf(component: string, hash: string): string {
  return `codes/${component}/${Number.parseInt(hash.slice(0, 4), 16) % SLOTS}`;
}

function slotIn(document: StoredDocument | undefined): Slot {
  if (document === undefined) return { version: 0, entries: [] };
  const { codes } = unseal(document);
  return { version: document.version, entries: isArray(codes) ? (codes as unknown as Entry[]) : [] };
}

function entryOf(hash: string, endsAt: number, state: CodeState): Entry {
  if (typeof state === 'string') return [hash, endsAt, state];
  const { authorizer, permissions, since } = state;
  return [hash, endsAt, [authorizer, [...permissions], since]];
}

function stateIn(entries: readonly Entry[], hash: string): CodeState | undefined {
  const [, , state] = entries.find(([stored]) => stored === hash) ?? [];
  if (state === undefined || typeof state === 'string') return state;
  const [authorizer, permissions, since] = state as readonly [string, readonly number[], number];
  return { authorizer, permissions, since };
}
