import type { CommandCall } from '../args/command.js';
import { keyOperands } from '../args/key-operands.js';
import { ServerClient } from '../client/server-client.js';
import { printToken } from './token-answer.js';

export async function get(call: CommandCall): Promise<number> {
  const { appid, type = '', subject } = keyOperands(call.operands, call.options);
  const server = new ServerClient(call.options, call.io);
  printToken(await server.ask({ path: ['tokens', appid, type], query: { subject } }), call);
  return 0;
}
