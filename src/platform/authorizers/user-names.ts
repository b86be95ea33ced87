import type { Clock } from '../../core/concurrency/clock.js';
import { RateLimiter } from '../../core/concurrency/rate-limit.js';
import { isAppid } from '../../core/model/token-key.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import type { JsonObject } from '../../core/primitives/json.js';
import type { AuthorizationDocuments, AuthorizationKey } from '../authorizations/authorization-documents.js';
import { userNameOf } from '../authorizations/authorizer-profile.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import { isNotAuthorized } from '../authorizations/refusals.js';
import { isNamedTestAccount } from '../authorizations/test-accounts.js';
import type { AuthorizerProfiles } from './authorizer-profiles.js';

interface KnownName {
  readonly userName: string | undefined;
  /** The monotonic time at which WeChat was asked. */
  readonly askedAt: number;
}

const MAX_NAMES = 10_000;
/** The time for which WeChat is not asked again about an account whose name does not fit. */
const ASK_AGAIN_AFTER_MS = 60_000;
const ASKED_PER_SECOND = 20;

/** Knows the original ids of authorizers: from the store, or from WeChat the first time. */
export class UserNames {
  readonly #documents: AuthorizationDocuments;
  readonly #api: Pick<PlatformApi, 'authorizerInfo'>;
  readonly #profiles: Pick<AuthorizerProfiles, 'remember'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #names = boundedCache<string, KnownName>(MAX_NAMES);
  readonly #requests = new RateLimiter(ASKED_PER_SECOND, ASKED_PER_SECOND);

  constructor(
    documents: AuthorizationDocuments,
    api: Pick<PlatformApi, 'authorizerInfo'>,
    profiles: Pick<AuthorizerProfiles, 'remember'>,
    clock: Pick<Clock, 'monotonic'>,
  ) {
    this.#documents = documents;
    this.#api = api;
    this.#profiles = profiles;
    this.#clock = clock;
  }

  /**
   * Returns whether an authorizer has this original id.
   *
   * @throws a `TokenError` if neither the store nor WeChat can say.
   */
  async isOf(key: AuthorizationKey, userName: string): Promise<boolean> {
    if (!isAppid(key.authorizer)) return false;
    if (isNamedTestAccount(key.authorizer, userName)) return true;
    const name = `${key.component}/${key.authorizer}`;
    const known = this.#names.get(name);
    if (known?.userName === userName) return true;
    const now = this.#clock.monotonic();
    if (known !== undefined && now - known.askedAt < ASK_AGAIN_AFTER_MS) return false;
    const stored = known === undefined ? await this.#documents.read(key) : undefined;
    if (stored?.authorization?.userName === userName) {
      this.#names.set(name, { userName, askedAt: Number.NEGATIVE_INFINITY });
      return true;
    }
    if (this.#requests.reserve(now) > 0) return false;
    const answer = await this.#ask(key);
    const asked = answer && userNameOf(answer);
    this.#names.set(name, { userName: asked, askedAt: now });
    if (answer !== undefined) await this.#profiles.remember(key, answer);
    return asked === userName;
  }

  /** Returns what WeChat knows of an account; `undefined` if it has not authorized the platform. */
  async #ask(key: AuthorizationKey): Promise<JsonObject | undefined> {
    try {
      return await this.#api.authorizerInfo(key);
    } catch (error) {
      if (isNotAuthorized(error)) return undefined;
      throw error;
    }
  }
}
