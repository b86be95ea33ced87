import { marksOf } from '../../core/model/enrolment.js';
import { FUTURE_TOLERANCE_MS } from '../../core/model/refresh-policy.js';
import type { StoredDocument } from '../../core/model/store.js';
import { tokenKey } from '../../core/model/token-key.js';
import type { JsonValue } from '../../core/primitives/json.js';
import { seal, unseal } from '../../core/store/document-codec.js';
import type { DocumentReader } from '../../core/store/document-reader.js';
import type { SupervisedStore } from '../../core/store/supervised-store.js';
import { contended } from '../../core/store/write-errors.js';
import { merged, type RegisteredToken, saysMore } from './token-index.js';

/** The documents are fixed in number, so that tokens leave nothing behind in the store when they expire. */
const SLOTS = 1_024;
const MAX_OF_SLOT = 1_000;
const MAX_ROUNDS = 20;

/** A token with its hash, in the order of the stored array. */
type Entry = readonly [
  hash: string,
  obtainedAt: number,
  expiresAt: number,
  appid: string,
  type: string,
  subject: string | null,
  appMark: string | null,
  taskMark: string | null,
];

/** The start of the manager, after which the time of the store is known. Until then tokens may seem to have expired. */
export interface Startable {
  readonly isStarted: boolean;
  /** Resolves when everything that a start reads has been read. */
  start(): Promise<unknown>;
}

interface Slot {
  readonly version: number;
  readonly entries: readonly Entry[];
}

/** Keeps the hashes of tokens that were handed out in the store, so that every process and every restart recognizes them. */
export class StoredTokens {
  readonly #store: SupervisedStore;
  readonly #reader: DocumentReader;
  readonly #now: () => number;
  readonly #startable: Startable;

  /** @param now - returns the time of the store; before the start that of this machine. */
  constructor(store: SupervisedStore, reader: DocumentReader, now: () => number, startable: Startable) {
    this.#store = store;
    this.#reader = reader;
    this.#now = now;
    this.#startable = startable;
  }

  /** Returns whether the store can be expected to answer soon. */
  get isReady(): boolean {
    return this.#startable.isStarted && !this.#store.failing;
  }

  /**
   * Returns a token that has not expired.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async find(hash: string): Promise<RegisteredToken | undefined> {
    const { entries } = await this.#read(slotOf(hash));
    return this.#find(this.#live(entries), hash);
  }

  /**
   * Stores a token, or prolongs it, unless that is stored already, and drops those that have expired.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE`.
   */
  async add(hash: string, token: RegisteredToken): Promise<void> {
    const id = slotOf(hash);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { version, entries } = await this.#read(id);
      const live = this.#live(entries);
      const known = this.#find(live, hash);
      if (known !== undefined && !saysMore(token, known)) return;
      const added = entryOf(hash, known === undefined ? token : merged(known, token));
      const others = live.filter(([stored]) => stored !== hash);
      const tokens = [...others, added].slice(-MAX_OF_SLOT).map((entry): JsonValue => [...entry] as JsonValue[]);
      if ((await this.#store.set(id, seal(id, { tokens }), version)) !== undefined) return;
    }
    throw contended(`the document ${id}`, { appid: token.key.appid });
  }

  #find(entries: readonly Entry[], hash: string): RegisteredToken | undefined {
    const entry = entries.find(([stored]) => stored === hash);
    return entry === undefined ? undefined : tokenOf(entry);
  }

  async #read(id: string): Promise<Slot> {
    await this.#startable.start();
    const [document] = await this.#store.get([id]);
    return this.#reader.read(document, slotIn);
  }

  /** Returns the tokens that have not expired. One that claims to come from the future might live for ever. */
  #live(entries: readonly Entry[]): readonly Entry[] {
    const now = this.#now();
    return entries.filter(([, obtainedAt, expiresAt]) => expiresAt > now && obtainedAt <= now + FUTURE_TOLERANCE_MS);
  }
}

function entryOf(hash: string, { key, obtainedAt, expiresAt, marks }: RegisteredToken): Entry {
  const { appid, type, subject = null } = key;
  return [hash, obtainedAt, expiresAt, appid, type, subject, marks?.app ?? null, marks?.task ?? null];
}

function tokenOf([, obtainedAt, expiresAt, appid, type, subject, app, task]: Entry): RegisteredToken {
  const marks = marksOf({ app: app ?? undefined, task: task ?? undefined });
  return { key: tokenKey(appid, type, subject ?? undefined), obtainedAt, expiresAt, ...(marks && { marks }) };
}

function slotOf(hash: string): string {
  return `value/${Buffer.from(hash, 'base64url').readUInt16BE(0) % SLOTS}`;
}

function slotIn(document: StoredDocument | undefined): Slot {
  if (document === undefined) return { version: 0, entries: [] };
  const { tokens } = unseal(document);
  return { version: document.version, entries: Array.isArray(tokens) ? (tokens as unknown as Entry[]) : [] };
}
