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
  readonly revokedAt: number | undefined;
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
 * Holds a record in memory, with everything precomputed that a hit needs. There may be a million records. Their
 * instants are therefore kept in one array of numbers, since a field with such a number would be an object of its own,
 * public objects are created on request, and no field holds a value that all records share.
 */
export class CachedRecord {
  readonly key: TokenKey;
  readonly value: string;
  /** The refresh token and what is known of it, which is put back if a failover sets the store back. */
  rotation: Rotation | undefined;
  /**
   * The scopes that the user has consented to, which are stored again if the grant has to be put back; mostly absent.
   */
  readonly scope: string | undefined;
  /** The instant before which no token of the key may have been asked for to be accepted from a caller; mostly absent. */
  readonly revokedAt: number | undefined;
  /**
   * Whether the stored grant claims to come from the future. It was written by a clock far ahead, so the token may have
   * expired already.
   */
  readonly isFromTheFuture: boolean;
  /** The promise that `get` returns, created at the first hit so that later hits allocate nothing. */
  promise: Promise<string> | undefined;
  /** The promise that `getRecord` returns, created at its first hit as well. */
  recordPromise: Promise<TokenRecord> | undefined;
  readonly #instants: number[];

  constructor(input: CachedRecordInput) {
    const { key, grant, version, endsAtMonotonic, dueAtMonotonic, confirmedAtMonotonic = UNCONFIRMED, dueAt } = input;
    const { obtainedAt, expiresAt, dueAt: storedDueAt, value } = grant;
    this.key = key;
    this.value = value;
    this.rotation = input.rotation;
    this.scope = scopeOf(grant);
    this.revokedAt = input.revokedAt;
    this.isFromTheFuture = input.isFromTheFuture;
    this.promise = undefined;
    this.recordPromise = undefined;
    // The order is that of the constants above. An array literal is used because one that is built from others reserves
    // three times the memory.
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

  /** Returns when the record is due according to the store. */
  get storedDueAt(): number {
    return this.#at(STORED_DUE_AT);
  }

  get version(): number {
    return this.#at(VERSION);
  }

  /** Returns when the token expires by the monotonic clock, which no change of the wall clock affects. */
  get endsAtMonotonic(): number {
    return this.#at(ENDS_AT_MONOTONIC);
  }

  /**
   * Returns when the store last showed this version, by the monotonic clock; `undefined` while the record is not
   * stored.
   */
  get confirmedAtMonotonic(): number | undefined {
    const at = this.#at(CONFIRMED_AT_MONOTONIC);
    return at === UNCONFIRMED ? undefined : at;
  }

  /** Returns whether the store has the record, as far as this process knows. */
  get isStored(): boolean {
    return this.#at(CONFIRMED_AT_MONOTONIC) !== UNCONFIRMED;
  }

  set confirmedAtMonotonic(at: number | undefined) {
    this.#instants[CONFIRMED_AT_MONOTONIC] = at ?? UNCONFIRMED;
  }

  /** Returns when the record is due by the monotonic clock, which no change of the wall clock affects. */
  get dueAtMonotonic(): number {
    return this.#at(DUE_AT_MONOTONIC);
  }

  /** Returns when the record is due in this process, by the wall clock. */
  get dueAt(): number {
    return this.#at(DUE_AT);
  }

  set dueAt(at: number) {
    this.#instants[DUE_AT] = at;
  }

  /**
   * Returns the instant until which the value may be served without being checked again. Only a check by both clocks
   * changes it.
   */
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
