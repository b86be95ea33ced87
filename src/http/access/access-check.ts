import { readFields } from '../../core/assert-options.js';
import { type Clock, systemClock } from '../../core/clock.js';
import { describeWord } from '../../core/redact.js';
import { type ApiKey, checkedApiKeys, holdsKey, SCOPES, type Scope } from './api-key.js';
import { KeyRing } from './key-ring.js';
import { KeysFile } from './keys-file.js';
import { presentedKey } from './presented-key.js';
import { TrustedPeers } from './trusted-peers.js';

export interface AccessOptions {
  /** Hashed keys, or the path of a file with them. */
  readonly keys?: readonly ApiKey[] | string | undefined;
  /** Addresses and networks whose connections may read and register without a key. */
  readonly trust?: readonly string[] | undefined;
  /** Lets everybody do everything. */
  readonly anonymous?: boolean | undefined;
  readonly clock?: Clock | undefined;
  /** Told when the file of keys can no longer be used. Default: a warning of the process. */
  readonly onKeysFileBroken?: ((error: Error) => void) | undefined;
}

/** What is looked at of a request. */
export interface Caller {
  readonly authorization: string | undefined;
  /** The address of the socket's other end. */
  readonly peer: string | undefined;
  /** Whether a browser sends it for a page of another site, which has the address of whoever looks at it. */
  readonly isCrossSite?: boolean;
  /** Whether a token server sends it to a URL that somebody has registered, perhaps to get at this very server. */
  readonly isCallback?: boolean;
}

export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

const NAMES = ['keys', 'trust', 'anonymous', 'clock', 'onKeysFileBroken'] as const;
const NO_KEY: Refusal = { status: 401, message: 'a key is needed, as Authorization: Bearer <key>' };
const UNKNOWN_KEY: Refusal = { status: 401, message: 'the key in Authorization is not known' };
const CROSS_SITE: Refusal = { status: 403, message: 'a page of another site needs a key' };
const CALLBACK: Refusal = { status: 403, message: 'a callback needs a key' };
const WRONG_APP: Refusal = { status: 403, message: 'this key may not be used for this app' };

/** One request that was let in, and what it may do. */
export class Admission {
  readonly #scopes: readonly Scope[];
  /** The only apps that it may use; `undefined` for all. */
  readonly appids: ReadonlySet<string> | undefined;

  constructor(scopes: readonly Scope[], appids?: ReadonlySet<string> | undefined) {
    this.#scopes = scopes;
    this.appids = appids;
  }

  /**
   * Why it may not use a scope on an app; `undefined` when it may. Without an appid, one that is for some apps only may
   * go on, and whoever answers asks again for each app that is shown.
   */
  refusal(scope: Scope, appid: string | undefined): Refusal | undefined {
    if (!this.#scopes.includes(scope)) return { status: 403, message: `the scope ${scope} is needed for this` };
    return appid === undefined || (this.appids?.has(appid) ?? true) ? undefined : WRONG_APP;
  }
}

const EVERYTHING: Admission = new Admission(SCOPES);
const TRUSTED: Admission = new Admission(['read', 'register']);

/** Who is let in: by key, by the address of the connection, or everybody. Whoever brings a key is judged by the key. */
export class AccessCheck {
  readonly #isAnonymous: boolean;
  readonly #clock: Clock;
  readonly #keys: KeyRing;
  readonly #trusted: TrustedPeers;

  /**
   * @throws TypeError for options that are not, for a file of keys that cannot be used, and when nobody could get in.
   */
  constructor(options: AccessOptions) {
    const given = readFields<AccessOptions>(options, NAMES, 'the options of access');
    const { keys = [], trust = [], anonymous = false, clock = systemClock, onKeysFileBroken } = given;
    if (typeof anonymous !== 'boolean') {
      throw new TypeError(`anonymous must be true or false, got ${describeWord(anonymous)}`);
    }
    this.#isAnonymous = anonymous;
    this.#clock = clock;
    this.#trusted = new TrustedPeers(trust);
    this.#keys = new KeyRing(keySource(keys, clock, onKeysFileBroken), clock);
    if (keys.length === 0 && trust.length === 0 && !anonymous) {
      throw new TypeError('createHandler needs one of keys, trust and anonymous, or nobody may do anything');
    }
  }

  /** Asked once for a request, which counts it. */
  admit(caller: Caller): Admission | Refusal {
    if (this.#isAnonymous) return refusalWithoutKey(caller) ?? EVERYTHING;
    const key = presentedKey(caller.authorization);
    if (key === undefined) return this.#withoutKey(caller);
    const held = this.#keys.find(key);
    if (held === undefined) return UNKNOWN_KEY;
    const retryAfterSeconds = held.rate?.take(this.#clock.monotonic()) ?? 0;
    if (retryAfterSeconds > 0) return { status: 429, message: 'too many requests with this key', retryAfterSeconds };
    return new Admission(held.scopes, held.appids);
  }

  #withoutKey(caller: Caller): Admission | Refusal {
    if (!this.#trusted.has(caller.peer)) return NO_KEY;
    return refusalWithoutKey(caller) ?? TRUSTED;
  }
}

/** Whose wish it is cannot be told from the address: the page's, or that of who has registered the URL. */
function refusalWithoutKey({ isCrossSite, isCallback }: Caller): Refusal | undefined {
  if (isCallback === true) return CALLBACK;
  return isCrossSite === true ? CROSS_SITE : undefined;
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
