import type { CommandCall } from '../args/command.js';
import { keyOperands } from '../args/key-operands.js';
import { AUTHORIZERS, JSON_OUTPUT, SUBJECT } from '../args/options.js';
import { ServerClient } from '../client/server-client.js';
import { UsageError } from '../failures/usage-error.js';

export async function unregister({ operands, options, io }: CommandCall): Promise<number> {
  const { appid, type, subject } = keyOperands(operands, options);
  if (type === undefined && subject !== undefined) {
    throw new UsageError(`${options.sourceOf(SUBJECT)} needs a type: unregister <appid> <type>`);
  }
  const withAuthorizers = options.isSet(AUTHORIZERS);
  if (type !== undefined && withAuthorizers) {
    throw new UsageError(`${options.sourceOf(AUTHORIZERS)} is for a whole app: unregister <appid>`);
  }
  const server = new ServerClient(options, io);
  const path = type === undefined ? ['apps', appid] : ['tokens', appid, type];
  await server.ask({ method: 'DELETE', path, query: { subject, authorizers: withAuthorizers ? 'delete' : undefined } });
  const gone = [appid, type, subject].filter((part) => part !== undefined).join(' ');
  const answer = options.isSet(JSON_OUTPUT) ? JSON.stringify({ appid, type, subject }) : `unregistered ${gone}`;
  io.stdout.write(`${answer}\n`);
  return 0;
}
