import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

/** The script and the arguments that a process that answers is started with. */
export interface WorkerStart {
  readonly script: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
}

/** Options of Node that name a program of their own, and those of them whose value is the next argument. */
const PROGRAM = /^(?:-[ep]|-pe|--eval|--print|-i|--interactive|-c|--check|--input-type)(?:=|$)/;
const PROGRAM_WITH_VALUE = /^(?:-[ep]|-pe|--eval|--print|--input-type)$/;

/**
 * Returns what starts this command once more. `argv[1]` belongs to whatever started the process, such as the container of a
 * process manager. It is taken only where it leads to this command: it may be a link that leads to another release by the
 * next reload.
 *
 * @param own - the file of this command.
 */
export function workerStart({ argv, execArgv }: Pick<NodeJS.Process, 'argv' | 'execArgv'>, own: string): WorkerStart {
  const [, started, ...args] = argv;
  const script = started !== undefined && leadsTo(started, own) ? resolve(started) : own;
  return { script, args, execArgv: withoutProgram(execArgv) };
}

function leadsTo(path: string, file: string): boolean {
  try {
    return realpathSync(path) === realpathSync(file);
  } catch {
    return false;
  }
}

function withoutProgram(execArgv: readonly string[]): string[] {
  return execArgv.filter(
    (option, index) => !PROGRAM.test(option) && !PROGRAM_WITH_VALUE.test(execArgv[index - 1] ?? ''),
  );
}
