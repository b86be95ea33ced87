import { copyField } from '../primitives/assert-options.js';
import type { JsonObject } from '../primitives/json.js';
import { assertNoStrayCharacter } from '../primitives/stray-characters.js';

/** The params that hold what WeChat has handed out, which it compares to the letter. */
const NAMES = ['refresh_token', 'authorizer_refresh_token', 'component_verify_ticket'];

/**
 * Refuses a refresh token or verify ticket with white space, control or invisible characters, or in quotation marks. WeChat
 * would refuse it, and the refusal would be taken for the end of the user's consent.
 *
 * @param what - the name of the params in messages.
 * @throws TypeError naming the param, and nothing of its value or of what its getter throws.
 */
export function assertParamSecrets(what: string, params: JsonObject): void {
  for (const name of NAMES) {
    const value = copyField<JsonObject>(params, name, what)[name];
    if (typeof value === 'string') assertNoStrayCharacter(`${what}.${name}`, value);
  }
}
