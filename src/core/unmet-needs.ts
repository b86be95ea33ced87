import { TokenError } from './errors.js';
import { NeedMissing } from './needs.js';
import type { TokenKey } from './token-key.js';

export function isChangedAllTheTime(key: TokenKey): NeedMissing {
  const message = `what ${key.type} is refreshed with is being changed by others all the time`;
  return new NeedMissing(new TokenError('STORE_UNAVAILABLE', message, { ...key, retryable: true }));
}

export function hasNoRefresher(key: TokenKey): NeedMissing {
  const message = `this process has no refresher of ${key.type}, as the one that registered the task had`;
  return new NeedMissing(new TokenError('INPUT_MISSING', message, key));
}

export function isOnlyPushed(key: TokenKey): NeedMissing {
  const message = `no unexpired ${key.type} has been put, and WeChat pushes it: nobody can ask for one`;
  return new NeedMissing(new TokenError('INPUT_MISSING', message, key));
}

export function isOfAnotherStore(key: TokenKey): NeedMissing {
  const message = `the store has lost the registration of ${key.type} of ${key.appid}, and no process has put it back`;
  return new NeedMissing(new TokenError('NOT_REGISTERED', message, key));
}
