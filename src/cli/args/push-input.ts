import type { JsonObject } from '../../core/primitives/json.js';
import { UsageError } from '../failures/usage-error.js';
import type { CommandIo } from '../io/command-io.js';
import { PUSH_KEYS_VARIABLE, PUSH_TOKEN_VARIABLE } from './option.js';
import type { OptionValues } from './option-values.js';
import { PUSH_FILE } from './options.js';
import { readSecretJson } from './secret-input.js';

const EXAMPLE = '{"token":"...","encodingAesKey":"..."}';

/**
 * Reads the settings of WeChat's pushes from a file, or from the variables; returns `undefined` if none are given. They are
 * never read from an argument, which other users could see.
 *
 * @throws UsageError that contains neither the token nor a key.
 */
export async function readPushSettings(options: OptionValues, io: CommandIo): Promise<JsonObject | undefined> {
  const file = options.given(PUSH_FILE);
  if (file === undefined) return settingsIn(io.env);
  return readSecretJson(file, EXAMPLE, io);
}

function settingsIn(env: NodeJS.ProcessEnv): JsonObject | undefined {
  const token = env[PUSH_TOKEN_VARIABLE]?.trim() ?? '';
  const keys = (env[PUSH_KEYS_VARIABLE] ?? '').split(',').map((key) => key.trim());
  const given = keys.filter((key) => key !== '');
  if (token !== '') return { token, ...(given.length > 0 && { encodingAesKey: given }) };
  if (given.length === 0) return undefined;
  throw new UsageError(`${PUSH_KEYS_VARIABLE} needs the token of the pushes: set ${PUSH_TOKEN_VARIABLE}`);
}
