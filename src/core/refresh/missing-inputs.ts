import { TokenError } from '../model/errors.js';
import { InputMissing } from '../model/input-missing.js';
import type { TokenKey } from '../model/token-key.js';
import { contended } from '../store/write-errors.js';

export function inputContended(key: TokenKey): InputMissing {
  return new InputMissing(contended(`what ${key.type} is refreshed with`, key));
}

export function refresherMissing(key: TokenKey): InputMissing {
  const message = `this process has no refresher for ${key.type}, as the one that registered the task had`;
  return new InputMissing(new TokenError('INPUT_MISSING', message, key));
}

export function pushMissing(key: TokenKey): InputMissing {
  const message = `no unexpired ${key.type} has been stored, and none can be requested: WeChat pushes it`;
  return new InputMissing(new TokenError('INPUT_MISSING', message, key));
}

export function registrationLost(key: TokenKey): InputMissing {
  const message = `the store has lost the registration of ${key.type} of ${key.appid}, and no process has put it back`;
  return new InputMissing(new TokenError('NOT_REGISTERED', message, key));
}
