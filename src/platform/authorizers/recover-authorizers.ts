import { engineOf } from '../../core/engine/engine-of.js';
import { assertFunction, readFields } from '../../core/primitives/assert-options.js';
import { isAbortSignal } from '../../core/primitives/foreign-objects.js';
import { describeKind } from '../../core/primitives/redact.js';
import { isTestAccount } from '../authorizations/test-accounts.js';
import type { AuthorizerCounts } from './authorizer-restorer.js';
import { type PlatformManager, platformApiOf } from './platform-calls.js';
import { restorerOf } from './restorer-of.js';

/**
 * The number of authorizers, and of those by what became of them.
 *
 * @public
 */
export interface AuthorizerRecovery extends AuthorizerCounts {
  /** The number of authorizers that WeChat lists, without the test accounts of its release check. */
  readonly total: number;
}

/**
 * The options of `recoverAuthorizers`.
 *
 * @public
 */
export interface RecoverAuthorizersOptions {
  /** The signal that ends the recovery after the page in progress. What was restored stays. */
  readonly signal?: AbortSignal;
  /**
   * Called after each page of WeChat's list with what was done so far.
   *
   * @defaultValue nothing
   * @bounds a function
   */
  readonly onProgress?: (recovery: AuthorizerRecovery) => void;
}

const MAX_PASSES = 3;

/**
 * Restores the authorizers of a third-party platform that the store has lost, with the refresh tokens that WeChat lists. What is
 * stored is left as it is, so that the call can be repeated; only a refresh token that WeChat has refused, or that is of an
 * authorization before the listed one, is replaced.
 *
 * @returns the counts. Authorizers whose refresh token WeChat no longer names have to authorize again.
 * @throws TypeError for options that are not; the reason of the signal; a `TokenError` of `get` for the token of the platform, of
 *   a request, or with code `STORE_UNAVAILABLE`.
 *
 * @example
 * ```ts
 * const { total, restored, needAuthorization } = await recoverAuthorizers(tokens, component);
 * ```
 *
 * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/api_get_authorizer_list.html
 * @public
 */
export async function recoverAuthorizers(
  manager: PlatformManager,
  component: string,
  options: RecoverAuthorizersOptions = {},
): Promise<AuthorizerRecovery> {
  const { signal, onProgress } = checkedOptions(options);
  const api = platformApiOf(manager, component);
  const restorer = restorerOf(engineOf(manager), component, api);
  let total = 0;
  const testAccounts = new Set<string>();
  const recovery = (): AuthorizerRecovery => ({ total: total - testAccounts.size, ...restorer.counts });
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const totals = new Set<number>();
    for await (const page of api.authorizerPages(component, signal)) {
      total = page.total;
      totals.add(total);
      for (const { appid } of page.authorizers) if (isTestAccount(appid)) testAccounts.add(appid);
      await restorer.restore(page.authorizers);
      onProgress?.(recovery());
    }
    // If the number has changed, pages have shifted, and an authorizer may have been on none of them.
    if (totals.size === 1) break;
  }
  return recovery();
}

function checkedOptions(options: RecoverAuthorizersOptions): RecoverAuthorizersOptions {
  const names = ['signal', 'onProgress'] as const;
  const fields = readFields<RecoverAuthorizersOptions>(options, names, 'the options of recoverAuthorizers');
  assertFunction('onProgress', fields.onProgress);
  if (fields.signal === undefined || isAbortSignal(fields.signal)) return fields;
  throw new TypeError(`signal must be an AbortSignal, got ${describeKind(fields.signal)}`);
}
