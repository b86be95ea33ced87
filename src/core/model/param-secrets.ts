import { copyField } from '../primitives/assert-options.js';
import type { JsonObject } from '../primitives/json.js';
import { assertNoStrayCharacter } from '../primitives/stray-characters.js';

/** The names of the params with secrets that WeChat has issued and compares exactly. */
const NAMES = ['refresh_token', 'authorizer_refresh_token', 'component_verify_ticket'];

/**
 * Rejects a refresh token or verify ticket that contains white space, control or invisible characters, or is in
 * quotation marks. WeChat would refuse it, and the refusal would be taken for the end of the user's authorization.
 *
 * @param what - the name of the params in messages.
 * @throws TypeError that names the param, and shows nothing of its value or of what its getter throws.
 */
export function assertParamSecrets(what: string, params: JsonObject): void {
  for (const name of NAMES) {
    const value = copyField<JsonObject>(params, name, what)[name];
    if (typeof value === 'string') assertNoStrayCharacter(`${what}.${name}`, value);
  }
}
