import { type Clock, systemClock } from '../../core/concurrency/clock.js';
import { readFields } from '../../core/primitives/assert-options.js';
import { describeWord } from '../../core/primitives/redact.js';
import { Admission } from './admission.js';
import { type ApiKey, checkedApiKeys, holdsKey } from './api-key.js';
import { type BrowserHeaders, refusalOfBrowser } from './browser-rules.js';
import { HostNames } from './host-names.js';
import { type HeldKey, KeyRing, type KeyUse } from './key-ring.js';
import { KeysFile } from './keys-file.js';
import { presentedKey } from './presented-key.js';
import { type Refusal, wholeSeconds } from './refusal.js';
import { TrustedPeers } from './trusted-peers.js';

export interface AccessOptions {
  /** The hashed keys, or the path of a file with them. */
  readonly keys?: readonly ApiKey[] | string | undefined;
  /** The addresses and networks whose connections may read and register without a key. */
  readonly trust?: readonly string[] | undefined;
  /** Whether every caller may do everything. */
  readonly anonymous?: boolean | undefined;
  /** The names by which browsers may call the server. If there are any, every request without a key must use one of them. */
  readonly hostNames?: readonly string[] | undefined;
  readonly clock?: Clock | undefined;
  /** Receives the error when the file of keys can no longer be used. By default it is not reported. */
  readonly onKeysFileBroken?: ((error: Error) => void) | undefined;
}

/** The parts of a request on which the access check is based. */
export interface Caller extends BrowserHeaders {
  readonly authorization: string | undefined;
  /** The remote address of the socket. */
  readonly peer: string | undefined;
  /** Whether a token server sends the request to a registered URL, possibly to get access to this server. */
  readonly isCallback: boolean;
}

const NAMES = ['keys', 'trust', 'anonymous', 'hostNames', 'clock', 'onKeysFileBroken'] as const;
const NO_KEY: Refusal = {
  status: 401,
  reason: 'noKey',
  message: 'an API key is required, as Authorization: Bearer <key>',
};
const UNKNOWN_KEY: Refusal = { status: 401, reason: 'unknownKey', message: 'the API key in Authorization is unknown' };
const EXPIRED_KEY: Refusal = { status: 401, reason: 'expiredKey', message: 'the API key in Authorization has expired' };
const CALLBACK: Refusal = { status: 403, reason: 'callback', message: 'a callback URL requires an API key' };
const UNKNOWN_HOST: Refusal = {
  status: 403,
  reason: 'host',
  message:
    'a request without an API key must use the address of this server, or a name given with --host-name (hostNames)',
};

/** Calls need a key in any case: a server that lets every request call WeChat would be an open proxy. */
const EVERYTHING: Admission = new Admission(['read', 'refresh', 'register']);
const TRUSTED: Admission = new Admission(['read', 'register']);

/**
 * Decides which requests are let in: by key, by the address of the connection, or all. A request with a key is judged by
 * that key alone, unless all requests are let in, in which case keys are ignored.
 */
export class AccessCheck {
  readonly #isAnonymous: boolean;
  readonly #clock: Clock;
  readonly #keys: KeyRing;
  readonly #trusted: TrustedPeers;
  readonly #names: HostNames;
  /** Whether some key may grant more than a request without one has. */
  readonly takesKeys: boolean;

  /**
   * @throws TypeError for unusable options, for a file of keys that cannot be used, and when every request would be refused.
   */
  constructor(options: AccessOptions) {
    const given = readFields<AccessOptions>(options, NAMES, 'the options of access');
    const { keys = [], trust = [], anonymous = false, hostNames = [], clock = systemClock, onKeysFileBroken } = given;
    if (typeof anonymous !== 'boolean') {
      throw new TypeError(`anonymous must be true or false, got ${describeWord(anonymous)}`);
    }
    this.#isAnonymous = anonymous;
    this.#clock = clock;
    this.#trusted = new TrustedPeers(trust);
    this.#names = new HostNames(hostNames);
    this.takesKeys = !anonymous && keys.length > 0;
    this.#keys = new KeyRing(keySource(keys, clock, onKeysFileBroken));
    if (keys.length === 0 && trust.length === 0 && !anonymous) {
      throw new TypeError(
        'createHandler needs one of keys, trust and anonymous: without them every request is refused',
      );
    }
  }

  /**
   * Judges a request, and counts it against the limit of its key, so that it must be called once for each request.
   *
   * @param reads - whether the request reads and changes nothing.
   */
  admit(caller: Caller, reads: boolean): Admission | Refusal {
    // A page whose name leads to this server may send any header, so that without keys an `Authorization` header proves
    // nothing.
    if (this.#isAnonymous) return this.#admitWithoutKey(caller, reads);
    const { authorization } = caller;
    if (authorization === undefined) return this.#admitWithoutKey(caller, reads);
    let held = this.#keys.recognize(authorization);
    if (held === undefined) {
      const key = presentedKey(authorization);
      if (key === undefined) return this.#admitWithoutKey(caller, reads);
      held = this.#keys.find(key);
    }
    if (held === undefined) return UNKNOWN_KEY;
    const now = this.#clock.now();
    if (hasExpired(held, now)) return EXPIRED_KEY;
    held.lastUsedAt = now;
    const retryAfterSeconds = wholeSeconds(held.rate?.reserve(this.#clock.monotonic()) ?? 0);
    if (retryAfterSeconds > 0) {
      return { status: 429, reason: 'tooMany', message: 'too many requests with this API key', retryAfterSeconds };
    }
    return held.admission;
  }

  /** Judges a request that was let in by its key once more, since the key may have been removed or changed. Counts nothing. */
  readmit(authorization: string): Admission | Refusal {
    const held = this.#keys.recognize(authorization) ?? this.#keys.find(presentedKey(authorization) ?? '');
    if (held === undefined) return UNKNOWN_KEY;
    return hasExpired(held, this.#clock.now()) ? EXPIRED_KEY : held.admission;
  }

  /** Returns the keys with their last use: all keys, or those with the given id. */
  keys(id?: string): readonly KeyUse[] {
    return this.#keys.uses().filter((key) => id === undefined || key.id === id);
  }

  #admitWithoutKey(caller: Caller, reads: boolean): Admission | Refusal {
    const admission = this.#isAnonymous ? EVERYTHING : this.#trusted.has(caller.peer) ? TRUSTED : undefined;
    const refusal = refusalOfBrowser(caller, reads, this.#names);
    if (admission === undefined) return refusal ?? NO_KEY;
    // Trust in the address does not apply: the request may be for a callback URL that a third party has registered.
    if (caller.isCallback) return CALLBACK;
    const isNamed = !this.#names.areGiven || this.#names.has(caller.host);
    return refusal ?? (isNamed ? admission : UNKNOWN_HOST);
  }
}

function hasExpired({ expiresAt }: HeldKey, now: number): boolean {
  return expiresAt !== undefined && now >= expiresAt;
}

function keySource(keys: unknown, clock: Clock, onBroken?: (error: Error) => void): () => readonly ApiKey[] {
  if (typeof keys !== 'string') {
    const checked = checkedApiKeys(keys);
    return () => checked;
  }
  if (keys === '' || holdsKey(keys)) {
    const got = keys === '' ? 'an empty string' : 'a key';
    throw new TypeError(`keys must be an array of hashed keys or the path of a file with them, got ${got}`);
  }
  const file = new KeysFile(keys, clock, onBroken);
  return () => file.current();
}
