import { onOneLine } from '../../core/primitives/redact.js';
import type { CommandCall } from '../args/command.js';
import { checkedAccount, keyOperands } from '../args/key-operands.js';
import { JSON_OUTPUT } from '../args/options.js';
import { ServerClient } from '../client/server-client.js';

/** The facts that are shown, by their names in the answer of the server. */
const FACTS = ['appid', 'name', 'kind', 'state', 'permissions', 'userName', 'principalName', 'headImage'] as const;
const LABELS: Readonly<Record<(typeof FACTS)[number], string>> = {
  appid: 'account',
  name: 'name',
  kind: 'kind',
  state: 'state',
  permissions: 'permissions',
  userName: 'original id',
  principalName: 'owner',
  headImage: 'picture',
};

export async function describe({ operands, options, io }: CommandCall): Promise<number> {
  const [platform = '', named = ''] = operands;
  const { appid } = keyOperands([platform], options);
  const account = checkedAccount(named);
  const server = new ServerClient(options, io);
  const { body } = await server.ask({ path: ['platform', appid, 'authorizers', account] });
  if (options.isSet(JSON_OUTPUT)) {
    io.stdout.write(`${JSON.stringify(body)}\n`);
    return 0;
  }
  const width = Math.max(...Object.values(LABELS).map((label) => label.length)) + 2;
  for (const fact of FACTS) {
    const value = body[fact];
    const text = Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : '';
    if (text !== '') io.stdout.write(`${LABELS[fact].padEnd(width)}${onOneLine(text)}\n`);
  }
  return 0;
}
