import type { JsonObject } from '../../core/primitives/json.js';
import type { CommandCall } from '../args/command.js';
import { keyOperands } from '../args/key-operands.js';
import { STALE_FILE } from '../args/options.js';
import { readSecretFile } from '../args/secret-input.js';
import { ServerClient } from '../client/server-client.js';
import { printToken } from './token-answer.js';

export async function refresh(call: CommandCall): Promise<number> {
  const { appid, type = '', subject } = keyOperands(call.operands, call.options);
  const server = new ServerClient(call.options, call.io);
  const body = await orderIn(call);
  const path = ['tokens', appid, type, 'refresh'];
  printToken(await server.ask({ method: 'POST', path, query: { subject }, body }), call);
  return 0;
}

async function orderIn({ options, io }: CommandCall): Promise<JsonObject> {
  const file = options.given(STALE_FILE);
  return file === undefined ? { force: true } : { stale: await readSecretFile(file, io) };
}
