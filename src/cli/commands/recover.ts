import type { JsonObject } from '../../core/primitives/json.js';
import type { CommandCall } from '../args/command.js';
import { keyOperands } from '../args/key-operands.js';
import { JSON_OUTPUT } from '../args/options.js';
import { ServerClient, type ServerQuestion } from '../client/server-client.js';
import { ConnectionClosed } from '../client/server-failure.js';

/** The time for which the server lets a request for progress wait, in seconds. */
const WAIT = '5';
/** The number of times that a recovery is begun anew when its server ends meanwhile. */
const MAX_INTERRUPTIONS = 10;

export async function recover({ operands, options, io }: CommandCall): Promise<number> {
  const { appid } = keyOperands(operands, options);
  const server = new ServerClient(options, io);
  const path = ['platform', appid, 'recover'];
  let closed: ConnectionClosed | undefined;
  /** Asks the server. If its process ends meanwhile, the recovery counts as interrupted: the next request waits for the successor. */
  const ask = async (question: Omit<ServerQuestion, 'path'>): Promise<JsonObject> => {
    try {
      return (await server.ask({ ...question, path })).body;
    } catch (error) {
      if (!(error instanceof ConnectionClosed)) throw error;
      closed = error;
      return { state: 'interrupted' };
    }
  };
  let body = await ask({ method: 'POST' });
  for (let interruptions = 0; body['state'] === 'running' || body['state'] === 'interrupted'; ) {
    if (body['state'] === 'running') {
      io.stderr.write(`${progressIn(body)}\n`);
      closed = undefined;
      body = await ask({ query: { wait: WAIT } });
      continue;
    }
    interruptions += 1;
    if (interruptions > MAX_INTERRUPTIONS) throw closed ?? new Error('the recovery was interrupted again and again');
    body = await ask({ method: 'POST' });
  }
  if (body['state'] !== 'done') throw new Error(failureIn(body));
  io.stdout.write(`${options.isSet(JSON_OUTPUT) ? JSON.stringify(body) : outcomeIn(body)}\n`);
  return 0;
}

function progressIn(body: JsonObject): string {
  const [total, present, restored, lost] = countsIn(body);
  return `${present + restored + lost} of ${total === 0 ? 'the' : total} accounts`;
}

function outcomeIn(body: JsonObject): string {
  const [total, present, restored, lost] = countsIn(body);
  const counts = `restored ${restored} of ${total} accounts; ${present} were stored`;
  return lost === 0 ? counts : `${counts}, ${lost} have to authorize the platform again`;
}

function countsIn(body: JsonObject): [total: number, present: number, restored: number, lost: number] {
  const count = (name: string): number => (typeof body[name] === 'number' ? body[name] : 0);
  return [count('total'), count('present'), count('restored'), count('needAuthorization')];
}

function failureIn({ detail, code, errcode }: JsonObject): string {
  if (typeof detail !== 'string') return 'the server answered without an outcome';
  const facts = [code, errcode === undefined ? undefined : `errcode ${String(errcode)}`].filter(Boolean).join(', ');
  return facts === '' ? detail : `${detail} (${facts})`;
}
