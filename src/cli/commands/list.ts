import { isJsonObject, type JsonObject } from '../../core/json.js';
import type { CommandCall } from '../command.js';
import { type KeyOperands, keyOperands } from '../key-operands.js';
import { JSON_OUTPUT } from '../options.js';
import { paintFor } from '../paint.js';
import type { CommandIo } from '../serve-options.js';
import { ServerClient, type ServerQuestion } from '../server-client.js';
import { taskRow } from '../task-row.js';
import { TaskTable } from '../task-table.js';

interface Page {
  readonly tasks: readonly JsonObject[];
  readonly answeredAt: number;
}

const PAGE = '500';
const COLUMNS = 80;
const NO_OPERANDS: Partial<KeyOperands> = {};

/** Shows tasks as the pages come. */
export async function list({ operands, options, io }: CommandCall): Promise<number> {
  const server = new ServerClient(options, io);
  const { appid, type } = operands.length === 0 ? NO_OPERANDS : keyOperands(operands, options);
  const write = options.isSet(JSON_OUTPUT) ? writeJson(io) : writeTable(io);
  let isEmpty = true;
  for await (const page of pages(server, { appid, type, limit: PAGE })) {
    if (page.tasks.length === 0) continue;
    isEmpty = false;
    write(page);
  }
  if (isEmpty && !options.isSet(JSON_OUTPUT)) io.stderr.write('there are no tasks\n');
  return 0;
}

async function* pages(server: ServerClient, query: ServerQuestion['query']): AsyncGenerator<Page> {
  let after: string | undefined;
  do {
    const { body, answeredAt } = await server.ask({ path: ['tokens'], query: { ...query, after } });
    const { tasks } = body;
    if (!Array.isArray(tasks)) throw new Error('the server answered without tasks');
    yield { tasks: tasks.filter(isJsonObject), answeredAt };
    const next = body['after'];
    // An empty page is the last one, whatever it says.
    after = typeof next === 'string' && next !== after && tasks.length > 0 ? next : undefined;
  } while (after !== undefined);
}

function writeJson({ stdout }: CommandIo): (page: Page) => void {
  return ({ tasks }) => stdout.write(tasks.map((task) => `${JSON.stringify(task)}\n`).join(''));
}

function writeTable({ stdout, env }: CommandIo): (page: Page) => void {
  const table = new TaskTable(paintFor(stdout, env), stdout.isTTY === true ? stdout.columns || COLUMNS : undefined);
  return ({ tasks, answeredAt }) => {
    const lines = table.lines(tasks.map((task) => taskRow(task, answeredAt)));
    stdout.write(lines.map((line) => `${line}\n`).join(''));
  };
}
