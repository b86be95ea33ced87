import type { Rotation } from '../model/rotation.js';
import { scopeOf } from '../model/scope.js';
import type { TokenKey } from '../model/token-key.js';
import type { TokenRecord } from '../model/token-record.js';
import type { StoredGrant } from '../store/key-document.js';

export interface CachedRecordInput {
  readonly key: TokenKey;
  readonly grant: StoredGrant;
  readonly version: number;
  readonly rotation: Rotation | undefined;
  readonly endsAtMonotonic: number;
  readonly dueAtMonotonic: number;
  readonly confirmedAtMonotonic: number | undefined;
  readonly dueAt: number;
  readonly isFromTheFuture: boolean;
}

const OBTAINED_AT = 0;
const EXPIRES_AT = 1;
const STORED_DUE_AT = 2;
const VERSION = 3;
const ENDS_AT_MONOTONIC = 4;
const CONFIRMED_AT_MONOTONIC = 5;
const DUE_AT = 6;
const CHECK_AT = 7;
const DUE_AT_MONOTONIC = 8;
const UNCONFIRMED = Number.NEGATIVE_INFINITY;

/**
 * Holds a record in memory, with what a hit needs precomputed. There may be a million: its instants are one block of numbers,
 * since a field that holds such a number is an object of its own, and what is handed out of it is made when it is asked for.
 * No field holds what all records have in common.
 */
export class CachedRecord {
  readonly key: TokenKey;
  readonly value: string;
  /** The refresh token and what is known of it, for a store that a failover has set back. */
  rotation: Rotation | undefined;
  /** The scopes that the user has consented to, for a store that has to be given the grant again; mostly absent. */
  readonly scope: string | undefined;
  /** The store says so, which a clock far ahead has told: the token may have ended since. */
  readonly isFromTheFuture: boolean;
  /** The promise that `get` answers with: made at its first hit, so that hits allocate nothing. */
  promise: Promise<string> | undefined;
  /** The promise that `getRecord` answers with: made at its first hit, too. */
  recordPromise: Promise<TokenRecord> | undefined;
  readonly #instants: number[];

  constructor(input: CachedRecordInput) {
    const { key, grant, version, endsAtMonotonic, dueAtMonotonic, confirmedAtMonotonic = UNCONFIRMED, dueAt } = input;
    const { obtainedAt, expiresAt, dueAt: storedDueAt, value } = grant;
    this.key = key;
    this.value = value;
    this.rotation = input.rotation;
    this.scope = scopeOf(grant);
    this.isFromTheFuture = input.isFromTheFuture;
    this.promise = undefined;
    this.recordPromise = undefined;
    // In the order of the constants above. An array that is put together out of others reserves three times the room.
    this.#instants = [
      obtainedAt,
      expiresAt,
      storedDueAt,
      version,
      endsAtMonotonic,
      confirmedAtMonotonic,
      dueAt,
      0,
      dueAtMonotonic,
    ];
  }

  get obtainedAt(): number {
    return this.#at(OBTAINED_AT);
  }

  get expiresAt(): number {
    return this.#at(EXPIRES_AT);
  }

  /** Returns when it is due as the store has it. */
  get storedDueAt(): number {
    return this.#at(STORED_DUE_AT);
  }

  get version(): number {
    return this.#at(VERSION);
  }

  /** Returns when the token ends by the monotonic clock, which no change of the wall clock moves. */
  get endsAtMonotonic(): number {
    return this.#at(ENDS_AT_MONOTONIC);
  }

  /** Returns when the store last showed this version, by the monotonic clock; `undefined` while it is not in the store. */
  get confirmedAtMonotonic(): number | undefined {
    const at = this.#at(CONFIRMED_AT_MONOTONIC);
    return at === UNCONFIRMED ? undefined : at;
  }

  /** Returns whether the store has it, as far as this process knows. */
  get isStored(): boolean {
    return this.#at(CONFIRMED_AT_MONOTONIC) !== UNCONFIRMED;
  }

  set confirmedAtMonotonic(at: number | undefined) {
    this.#instants[CONFIRMED_AT_MONOTONIC] = at ?? UNCONFIRMED;
  }

  /** Returns when it is due by the monotonic clock, which no change of the wall clock moves. */
  get dueAtMonotonic(): number {
    return this.#at(DUE_AT_MONOTONIC);
  }

  /** Returns when it is due in this process, by the wall clock. */
  get dueAt(): number {
    return this.#at(DUE_AT);
  }

  set dueAt(at: number) {
    this.#instants[DUE_AT] = at;
  }

  /** Returns the instant until which the value can be answered without a further look. Only a look with both clocks moves it. */
  get checkAt(): number {
    return this.#at(CHECK_AT);
  }

  set checkAt(at: number) {
    this.#instants[CHECK_AT] = at;
  }

  #at(index: number): number {
    return this.#instants[index] as number;
  }
}
