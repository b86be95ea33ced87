import { TokenError } from '../model/errors.js';
import { NeedMissing } from '../model/need-missing.js';
import type { TokenKey } from '../model/token-key.js';
import { contended } from '../store/write-errors.js';

export function inputIsContended(key: TokenKey): NeedMissing {
  return new NeedMissing(contended(`what ${key.type} is refreshed with`, key));
}

export function hasNoRefresher(key: TokenKey): NeedMissing {
  const message = `this process has no refresher of ${key.type}, as the one that registered the task had`;
  return new NeedMissing(new TokenError('INPUT_MISSING', message, key));
}

export function isOnlyPushed(key: TokenKey): NeedMissing {
  const message = `no unexpired ${key.type} has been put, and none can be asked for: WeChat pushes it`;
  return new NeedMissing(new TokenError('INPUT_MISSING', message, key));
}

export function isOfAnotherStore(key: TokenKey): NeedMissing {
  const message = `the store has lost the registration of ${key.type} of ${key.appid}, and no process has put it back`;
  return new NeedMissing(new TokenError('NOT_REGISTERED', message, key));
}
