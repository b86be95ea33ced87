import { TypeNumbers } from '../../callbacks/contract-type-numbers.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import { describeWord } from '../../core/primitives/redact.js';
import type { CommandCall } from '../args/command.js';
import { type KeyOperands, keyOperands } from '../args/key-operands.js';
import type { OptionValues } from '../args/option-values.js';
import { APPS, JSON_OUTPUT, STATE } from '../args/options.js';
import { ServerClient, type ServerQuestion } from '../client/server-client.js';
import { UsageError } from '../failures/usage-error.js';
import type { CommandIo } from '../io/command-io.js';
import { paintFor } from '../output/paint.js';
import { taskRow } from '../output/task-row.js';
import { TaskTable } from '../output/task-table.js';
import { readApps, writeApps, writePushes } from './listed-apps.js';

interface ListedTask {
  readonly task: JsonObject;
  readonly answeredAt: number;
  /** The sort key of the task. */
  readonly place: string;
}

const PAGE = '500';
const COLUMNS = 80;
const NO_OPERANDS: Partial<KeyOperands> = {};
const STATES: readonly string[] = ['fresh', 'due', 'expired', 'missing', 'waiting'];
const NUMBERS = new TypeNumbers(false);

export async function list({ operands, options, io }: CommandCall): Promise<number> {
  const server = new ServerClient(options, io);
  const [first, typeOrNumber] = operands;
  const named = first === undefined ? [] : typeOrNumber === undefined ? [first] : [first, typeNamed(typeOrNumber)];
  const { appid, type } = named.length === 0 ? NO_OPERANDS : keyOperands(named, options);
  const states = statesIn(options);
  if (options.isSet(APPS)) {
    if (type !== undefined || states.length > 0) throw new UsageError('--apps takes no type and no --state');
    writeApps(await readApps(server, appid), { asJson: options.isSet(JSON_OUTPUT) }, io);
    return 0;
  }
  const tasks: ListedTask[] = [];
  for await (const page of pages(server, { appid, type, limit: PAGE })) {
    tasks.push(...page.filter(({ task }) => states.length === 0 || states.includes(String(task['state']))));
  }
  tasks.sort((one, other) => (one.place < other.place ? -1 : 1));
  if (options.isSet(JSON_OUTPUT)) writeJson(tasks, io);
  else if (tasks.length === 0) io.stderr.write('there are no tasks\n');
  else writeTable(tasks, io);
  const isOfApps = type === undefined && states.length === 0 && !options.isSet(JSON_OUTPUT);
  if (isOfApps) writePushes(await readApps(server, appid), io);
  return 0;
}

function typeNamed(typeOrNumber: string): string {
  return NUMBERS.name(typeOrNumber) ?? typeOrNumber;
}

/**
 * Returns the states to filter by.
 *
 * @throws UsageError for an unknown state.
 */
function statesIn(options: OptionValues): readonly string[] {
  return options.list(STATE).map(({ source, text }) => {
    if (STATES.includes(text)) return text;
    throw new UsageError(`${source} must be ${STATES.join(', ')}, got ${describeWord(text)}`);
  });
}

async function* pages(server: ServerClient, query: ServerQuestion['query']): AsyncGenerator<readonly ListedTask[]> {
  let after: string | undefined;
  do {
    const { body, answeredAt } = await server.ask({ path: ['tokens'], query: { ...query, after } });
    const { tasks } = body;
    if (!Array.isArray(tasks)) throw new Error('the server answered without tasks');
    yield tasks.filter(isJsonObject).map((task) => ({ task, answeredAt, place: placeOf(task) }));
    const next = body['after'];
    // An empty page is the last one, even if the server names a next one.
    after = typeof next === 'string' && next !== after && tasks.length > 0 ? next : undefined;
  } while (after !== undefined);
}

function placeOf({ appid, type, subject }: JsonObject): string {
  return [appid, type, subject ?? ''].join('\n');
}

function writeJson(tasks: readonly ListedTask[], { stdout }: CommandIo): void {
  for (const { task } of tasks) stdout.write(`${JSON.stringify(task)}\n`);
}

function writeTable(tasks: readonly ListedTask[], { stdout, env }: CommandIo): void {
  const table = new TaskTable(paintFor(stdout, env), stdout.isTTY === true ? stdout.columns || COLUMNS : undefined);
  const rows = tasks.map(({ task, answeredAt }) => taskRow(task, answeredAt));
  for (const line of table.lines(rows)) stdout.write(`${line}\n`);
}
