import type { TokenKey } from '../../../core/model/token-key.js';
import type { TokenRecord } from '../../../core/model/token-record.js';
import { secondsLeft } from '../../../core/primitives/lifetime-left.js';
import type { KnownTokens } from '../../../gateway/tokens/known-tokens.js';
import type { RouteServices } from '../../routing/route-services.js';

type Services = Pick<RouteServices, 'manager' | 'clock' | 'records' | 'registry'>;

/** A token as an answer of WeChat states it. */
export interface ServedToken {
  readonly record: TokenRecord;
  readonly expiresIn: number;
}

/** The remaining life that SDKs need, in each mode of the app. A token that lives for less in all has a share of it. */
const PLAIN_MS = 1_800_000;
const STABLE_MS = 300_000;
/**
 * The time by which tokens are said to end too early. SDKs count whole seconds from the arrival of the answer, and node-easywechat
 * uses its token up to two seconds beyond the stated end.
 */
const EARLIER_MS = 2_000;

/**
 * Returns the token of a key with as much remaining life as SDKs need, which keep margins of their own: one asks at each call
 * below 10 s, another fails below 1,500 s. If there is none, it is the one that lives longest.
 *
 * WeChat repeats a stable token until its last five minutes, so that no more can be had in that mode.
 */
export async function servedToken(
  { manager, clock, records, registry }: Services,
  key: TokenKey,
): Promise<ServedToken> {
  const { appid, type, subject } = key;
  const options = subject === undefined ? {} : { subject };
  const current = await manager.getRecord(appid, type, options);
  const lifeMs = current.expiresAt - current.obtainedAt;
  const isStable = type === 'access_token' && registry.app(appid)?.accessToken !== 'plain';
  const minValidityMs = Math.floor(isStable ? Math.min(STABLE_MS, lifeMs / 24) : Math.min(PLAIN_MS, lifeMs / 4));
  const isLong = records.presentEndOf(key, current) - clock.now() > minValidityMs;
  const record = isLong ? current : await manager.getRecord(appid, type, { ...options, minValidityMs });
  const end = records.presentEndOf(key, record);
  return { record, expiresIn: Math.max(1, secondsLeft(end - EARLIER_MS, clock.now())) };
}

/** Returns a token that callers may present afterwards, to every process of the fleet. */
export async function handedOutToken(services: Services, known: KnownTokens, key: TokenKey): Promise<ServedToken> {
  const served = await servedToken(services, key);
  const { value, obtainedAt, expiresAt } = served.record;
  await known.handOut(value, { key, obtainedAt, expiresAt });
  return served;
}
