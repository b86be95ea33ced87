import { isTokenError } from '../../../core/model/errors.js';
import { isFromTheFuture } from '../../../core/model/refresh-policy.js';
import { keyId, type TokenKey } from '../../../core/model/token-key.js';
import type { CachedRecord } from '../../../core/records/cached-record.js';
import { comparablePath } from '../../../gateway/canonical-path.js';
import type { GatewayCall } from '../../../gateway/gateway.js';
import { hasToken, tokensIn, valuesOf } from '../../../gateway/query-parameters.js';
import { hasFewPieces } from '../../../gateway/query-pieces.js';
import type { KnownTokens } from '../../../gateway/tokens/known-tokens.js';
import type { KnownToken, RegisteredToken } from '../../../gateway/tokens/token-index.js';
import { peerNetwork } from '../../access/peer-network.js';
import type { HttpRequest } from '../../messages/http-message.js';
import type { RequestContext } from '../../routing/request-context.js';
import { RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { PairCheck } from './pair-check.js';
import { USER_TYPE } from './token-types.js';
import { isRegistered, UserRenewals } from './user-renewals.js';
import { ERRCODES, refusedWith } from './wechat-answers.js';
import { isUserCall, isUserRenewal, takesPair } from './wechat-paths.js';

type Services = Pick<RouteServices, 'manager' | 'records' | 'registry' | 'peers' | 'clock' | 'start'>;

type Current = Pick<CachedRecord, 'value' | 'revokedAt'>;

/** The credential of a call: the app, and the token that takes the place of the presented one, if any does. */
export type CallCredential = Pick<GatewayCall, 'appid' | 'token' | 'assertAllowed'>;

/**
 * Returns whether a request has a credential of WeChat's API, valid or not. One without any is not for this server, nor is one
 * whose many parameters would take long to search.
 */
export function hasCredential({ path, search }: HttpRequest): boolean {
  if (search === '' || !hasFewPieces(search)) return false;
  if (hasToken(search)) return true;
  const hasAppid = valuesOf(search, 'appid').length > 0;
  return hasAppid && (valuesOf(search, 'secret').length > 0 || isUserRenewal(comparablePath(path)));
}

/** Judges the credentials of calls: a token of this server, or the pair of a registered app. */
export class CallCredentials {
  readonly #services: Services;
  readonly #known: KnownTokens;
  readonly #pairs: PairCheck;
  readonly #renewals: UserRenewals;

  constructor(services: Services, known: KnownTokens, pairs: PairCheck) {
    this.#services = services;
    this.#known = known;
    this.#pairs = pairs;
    this.#renewals = new UserRenewals(services);
  }

  /**
   * Returns the credential of a call.
   *
   * @param path - the canonical path in comparable form.
   * @throws RouteFailure for a credential that is not valid here; a `TokenError` if its app has no usable token.
   */
  async of(context: RequestContext, path: string): Promise<CallCredential> {
    const { search, peer } = context.request;
    const [presented, ...others] = tokensIn(search);
    if (presented === undefined) return { appid: await this.#appOf(context, path), token: undefined };
    const network = peerNetwork(peer);
    const key = await this.#keyOf(presented.value, network);
    for (const { value } of others) {
      if (keyId(await this.#keyOf(value, network)) !== keyId(key)) throw invalidToken('two tokens in one request');
    }
    const { appid } = key;
    if (takesPair(path) && (await this.#appOf(context, path)) !== appid) {
      throw refusedWith(ERRCODES.invalidAppid, 'invalid appid: it is not that of the access_token');
    }
    this.#services.peers.accepted?.note(context.request);
    // WeChat refuses a token of the wrong kind as stale, and the app may have few such reports a day.
    if (isUserCall(path) && key.type !== USER_TYPE) throw invalidToken("this path needs a user's token");
    if (key.type === USER_TYPE) {
      if (!isUserCall(path)) throw invalidToken("a user's token may not call this path");
      return { appid, token: undefined };
    }
    // The token may have been replaced by force since. This process hears of that with the new token, if another has done it.
    const assertAllowed = async (): Promise<void> => {
      await this.#keyOf(presented.value, network);
    };
    return { appid, token: { of: key, parameter: presented.parameter }, assertAllowed };
  }

  /**
   * Returns the key of a presented token that opens calls.
   *
   * @param network - the network of the caller.
   * @throws RouteFailure for any other token; a `TokenError` if its app has no usable token.
   */
  async #keyOf(value: string, network: string): Promise<TokenKey> {
    const token = await this.#known.find(value, network);
    if (token === 'unsure') throw new RouteFailure({ status: 503, message: 'the token could not be looked up now' });
    if (token === 'unknown') throw invalidToken('the access_token is not one of this server');
    const { key } = token;
    if (key.type === USER_TYPE) {
      if (!(await isRegistered(key.appid, this.#services))) throw invalidToken('the app is not registered');
      await this.#assertPresent(token);
      return key;
    }
    const current = await this.#current(key);
    if (current.value === value) return key;
    await this.#assertPresent(token);
    if (!this.#isRevoked(token, current)) return key;
    throw invalidToken('the access_token was replaced by force');
  }

  /** Refuses a token of an app that was unregistered and registered anew, as it may have leaked before. */
  async #assertPresent(token: RegisteredToken): Promise<void> {
    if (!(await this.#known.isOfPresent(token))) throw invalidToken('the access_token is of an earlier registration');
  }

  /**
   * Returns whether a token that is not the current one may have been replaced by force. One that claims to come from the future
   * was asked for before a clock was set back, so that nothing tells when that was.
   */
  #isRevoked(token: KnownToken, { revokedAt }: Current): boolean {
    if (revokedAt === undefined) return false;
    return token.obtainedAt < revokedAt || isFromTheFuture(token, this.#services.clock.now());
  }

  /** Returns the app of a call by pair, or the one whose user renews a token. */
  async #appOf(context: RequestContext, path: string): Promise<string> {
    const { search } = context.request;
    const appid = singleOf(search, 'appid');
    if (isUserRenewal(path)) return this.#renewals.appOf(context, appid);
    return this.#pairs.appOf(context, appid, singleOf(search, 'secret'));
  }

  /** Returns the current record of a key, which is in memory for most calls. */
  async #current(key: TokenKey): Promise<Current> {
    const { manager, records } = this.#services;
    const { appid, type, subject } = key;
    const hit = records.hit(appid, type, subject);
    if (hit !== undefined) return hit;
    try {
      const record = await manager.getRecord(appid, type, subject === undefined ? {} : { subject });
      const { value, obtainedAt } = record;
      return records.cache.get(key) ?? { value, revokedAt: obtainedAt };
    } catch (error) {
      if (isTokenError(error) && error.code === 'NOT_REGISTERED') throw invalidToken('the app is not registered');
      throw error;
    }
  }
}

/**
 * Returns the only value of a parameter; `undefined` if there is none or it is empty.
 *
 * @throws RouteFailure for a parameter that is there twice, of which this server and WeChat might read different ones.
 */
export function singleOf(query: string, name: string): string | undefined {
  const [value, ...others] = valuesOf(query, name);
  if (others.length > 0) throw refusedWith(ERRCODES.invalidUrl, `${name} is there more than once`);
  return value === '' ? undefined : value;
}

function invalidToken(message: string): RouteFailure {
  return refusedWith(ERRCODES.invalidToken, `invalid credential, ${message}`);
}
