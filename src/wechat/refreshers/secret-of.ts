import { TokenError } from '../../core/model/errors.js';
import type { AppCredentials } from '../../core/model/refresher.js';

/**
 * Returns the secret of an app.
 *
 * @throws a `TokenError` with code `INPUT_MISSING` if the app was registered without one.
 */
export function secretOf({ appid, secret }: AppCredentials): string {
  if (secret !== undefined) return secret;
  throw new TokenError('INPUT_MISSING', `The secret of ${appid} is not known: register the app with its secret`);
}
