import type { JsonObject } from '../../core/primitives/json.js';
import { describeWord } from '../../core/primitives/redact.js';
import type { CommandCall } from '../args/command.js';
import { type KeyOperands, keyOperands } from '../args/key-operands.js';
import type { OptionValues } from '../args/option-values.js';
import { APPS, JSON_OUTPUT, STATE } from '../args/options.js';
import { listedPages } from '../client/listed-pages.js';
import { ServerClient } from '../client/server-client.js';
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

const COLUMNS = 80;
const NO_OPERANDS: Partial<KeyOperands> = {};
const STATES: readonly string[] = ['fresh', 'due', 'expired', 'missing', 'waiting'];

export async function list({ operands, options, io }: CommandCall): Promise<number> {
  const server = new ServerClient(options, io);
  const { appid, type } = operands.length === 0 ? NO_OPERANDS : keyOperands(operands, options);
  const states = statesIn(options);
  if (options.isSet(APPS)) {
    if (type !== undefined || states.length > 0) throw new UsageError('--apps takes no type and no --state');
    writeApps(await readApps(server, appid), { asJson: options.isSet(JSON_OUTPUT) }, io);
    return 0;
  }
  const tasks: ListedTask[] = [];
  for await (const { members, answeredAt } of listedPages(
    server,
    { path: ['tokens'], query: { appid, type } },
    'tasks',
  )) {
    const shown = members.filter(({ state }) => states.length === 0 || states.includes(String(state)));
    tasks.push(...shown.map((task) => ({ task, answeredAt, place: placeOf(task) })));
  }
  tasks.sort((one, other) => (one.place < other.place ? -1 : 1));
  if (options.isSet(JSON_OUTPUT)) writeJson(tasks, io);
  else if (tasks.length === 0)
    io.stderr.write(`there are no ${appid === undefined && states.length === 0 ? '' : 'such '}tasks\n`);
  else writeTable(tasks, io);
  const isOfApps = type === undefined && states.length === 0 && !options.isSet(JSON_OUTPUT);
  if (isOfApps) writePushes(await readApps(server, appid), io);
  return 0;
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
