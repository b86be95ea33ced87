import type { CommandCall } from '../args/command.js';
import { checkedType, keyOperands } from '../args/key-operands.js';
import { APP_ACCESS_TOKEN, JSON_OUTPUT, NOTIFY, PARAMS, SUBJECT, TASK } from '../args/options.js';
import { readPushSettings } from '../args/push-input.js';
import { readAppSecret } from '../args/secret-input.js';
import { ServerClient } from '../client/server-client.js';
import { UsageError } from '../failures/usage-error.js';

/** Registers an app by the route of the scheduler contract, which adds tasks. The native route would replace all of them. */
export async function register({ operands, options, io }: CommandCall): Promise<number> {
  const { appid, subject } = keyOperands(operands, options);
  const types = options.list(TASK).map(({ text }) => checkedType(text));
  const accessToken = options.choice(APP_ACCESS_TOKEN, ['stable', 'plain']);
  const params = options.text(PARAMS);
  const notify = options.text(NOTIFY);
  for (const option of [SUBJECT, PARAMS, NOTIFY]) {
    if (types.length > 0 || options.given(option) === undefined) continue;
    throw new UsageError(`${options.sourceOf(option)} needs a task: add --task <type>`);
  }
  const server = new ServerClient(options, io);
  const push = await readPushSettings(options, io);
  const secret = await readAppSecret(appid, options, io);
  const facts = {
    ...(subject !== undefined && { subject }),
    ...(params !== undefined && { params }),
    ...(notify !== undefined && { notify }),
  };
  const body = {
    appid,
    appsecret: secret,
    ...(accessToken !== undefined && { accessToken }),
    ...(push !== undefined && { push }),
    tasks: types.map((type) => ({ type, ...facts })),
  };
  const { body: outcome } = await server.ask({ method: 'POST', path: ['registe'], body });
  if (outcome['code'] !== 200) throw new Error('the server answered without an outcome');
  const tasks = types.length === 0 ? '' : `, with ${types.join(', ')}`;
  const answer = options.isSet(JSON_OUTPUT) ? JSON.stringify({ appid, tasks: types }) : `registered ${appid}${tasks}`;
  io.stdout.write(`${answer}\n`);
  return 0;
}
