import type { JsonObject } from '../../core/primitives/json.js';
import type { CommandCall } from '../args/command.js';
import { shortDuration } from '../args/duration.js';
import { keyOperands } from '../args/key-operands.js';
import { FROM_FILE, JSON_OUTPUT } from '../args/options.js';
import { readSecretJson } from '../args/secret-input.js';
import { ServerClient } from '../client/server-client.js';
import { UsageError } from '../failures/usage-error.js';

const EXAMPLE = '{"value":"...","expires_in":7200}';

/**
 * Stores a token that was obtained elsewhere. It is read from a file or standard input, never from an argument, which
 * other users could see.
 */
export async function put(call: CommandCall): Promise<number> {
  const { operands, options, io } = call;
  const { appid, type = '', subject } = keyOperands(operands, options);
  const server = new ServerClient(options, io);
  const grant = await grantIn(call);
  const { body } = await server.ask({ method: 'POST', path: ['tokens', appid, type], query: { subject }, body: grant });
  const named = [appid, type, subject].filter((part) => part !== undefined).join(' ');
  const { expires_in: left } = body;
  if (typeof left !== 'number') throw new Error('the server answered without an outcome');
  const end = shortDuration(left * 1_000);
  io.stdout.write(`${options.isSet(JSON_OUTPUT) ? JSON.stringify(body) : `put ${named}, which expires in ${end}`}\n`);
  return 0;
}

async function grantIn({ options, io }: CommandCall): Promise<JsonObject> {
  const file = options.given(FROM_FILE) ?? { source: 'standard input', text: '-' };
  if (file.text === '-' && io.stdin.isTTY === true) {
    throw new UsageError(`give the grant as JSON on standard input or with --from-file: ${EXAMPLE}`);
  }
  return readSecretJson(file, EXAMPLE, io);
}
