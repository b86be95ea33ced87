import { keyId, type TokenKey, tokenKey } from '../model/token-key.js';
import type { PushedTokens } from '../registry/pushed-tokens.js';

/** The type of the ticket that WeChat pushes to a third-party platform. */
export const VERIFY_TICKET = 'component_verify_ticket';
/** The number of keys after which dependencies are no longer followed. Those of a foreign refresher may be endless. */
const MAX_KEYS = 256;

/** Returns the key of the ticket of a platform. */
export function ticketKey(appid: string): TokenKey {
  return tokenKey(appid, VERIFY_TICKET, undefined);
}

/** Returns whether a token of an app, or a token that it depends on, needs the verify ticket of that app. */
export function isOfPlatform(key: TokenKey, pushed: Pick<PushedTokens, 'dependenciesOf'>): boolean {
  const direct = pushed.dependenciesOf(key);
  // There may be a million tasks, most of which depend on nothing.
  if (direct.length === 0) return false;
  const seen = new Set<string>();
  const isTicketOrNeedsIt = (needed: TokenKey): boolean => {
    if (needed.type === VERIFY_TICKET) return needed.appid === key.appid;
    if (seen.size >= MAX_KEYS || seen.has(keyId(needed))) return false;
    seen.add(keyId(needed));
    return pushed.dependenciesOf(needed).some(isTicketOrNeedsIt);
  };
  return direct.some(isTicketOrNeedsIt);
}
