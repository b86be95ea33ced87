import { engineOf } from '../../core/engine/engine-of.js';
import { assertAppid } from '../../core/model/token-key.js';
import { assertInteger, readFields } from '../../core/primitives/assert-options.js';
import { AuthorizationDocuments } from '../authorizations/authorization-documents.js';
import type { PlatformManager } from './platform-calls.js';

/**
 * An account that has authorized a third-party platform, as the store knows it.
 *
 * @public
 */
export interface KnownAuthorizer {
  /** The appid of the account. */
  readonly appid: string;
  /** The state of its authorization: granted, ended, or to be granted again because its refresh token is lost. */
  readonly state: 'authorized' | 'unauthorized' | 'needsAuthorization';
  /** The instant since which it is so, in epoch milliseconds. */
  readonly since: number;
  /** The name that its users saw when WeChat was asked last; absent if WeChat was not asked yet. */
  readonly name?: string;
  /** The kind of the account; absent if WeChat was not asked yet. */
  readonly kind?: 'officialAccount' | 'miniProgram';
  /** The ids of the permission sets that it had granted when WeChat was asked last; absent if WeChat was not asked yet. */
  readonly permissions?: readonly number[];
}

/**
 * The options of `authorizers`.
 *
 * @public
 */
export interface AuthorizersOptions {
  /**
   * The appid of the account after which the list begins.
   *
   * @defaultValue the beginning
   * @bounds an appid
   */
  readonly after?: string;
  /**
   * The largest number of accounts.
   *
   * @defaultValue all
   * @bounds 1 to 1,000,000
   */
  readonly limit?: number;
}

/**
 * Yields the accounts whose authorizations of a third-party platform were pushed or recovered, in an order that the store chooses
 * and keeps. WeChat is not asked: an account has a name, a kind and permissions once it has authorized the platform under this
 * library, has sent a message, or was described by `describeAuthorizer`.
 *
 * @throws TypeError for options that are not; a `TokenError` with code `STORE_UNAVAILABLE`.
 *
 * @example
 * ```ts
 * for await (const { appid, state } of authorizers(tokens, component)) console.log(appid, state);
 * ```
 *
 * @public
 */
export async function* authorizers(
  manager: PlatformManager,
  component: string,
  options: AuthorizersOptions = {},
): AsyncGenerator<KnownAuthorizer, void, undefined> {
  assertAppid(component);
  const { after, limit = Number.POSITIVE_INFINITY } = checkedOptions(options);
  const engine = engineOf(manager);
  await engine.opened();
  const documents = new AuthorizationDocuments(engine.store, engine.reader);
  let left = limit;
  for await (const { authorizer, state, changedAt, profile } of documents.ofPlatform(component, after)) {
    yield { appid: authorizer, state, since: changedAt, ...profile };
    left -= 1;
    if (left === 0) return;
  }
}

function checkedOptions(options: AuthorizersOptions): AuthorizersOptions {
  const fields = readFields<AuthorizersOptions>(options, ['after', 'limit'], 'the options of authorizers');
  if (fields.after !== undefined) assertAppid(fields.after);
  if (fields.limit !== undefined) assertInteger('limit', fields.limit, 1, 1_000_000);
  return fields;
}
