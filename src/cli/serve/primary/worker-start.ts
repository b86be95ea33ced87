import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';

/** The script and the arguments with which a worker is started. */
export interface WorkerStart {
  readonly script: string;
  readonly args: readonly string[];
  readonly execArgv: readonly string[];
}

/** The options of Node that name a program, which may be the next argument. */
const PROGRAM = /^(?:-[ep]|-pe|--eval|--print|-i|--interactive|-c|--check|--input-type)(?:=|$)/;
const PROGRAM_WITH_VALUE = /^(?:-[ep]|-pe|--eval|--print|--input-type)$/;

/**
 * Returns the script and arguments that start this command once more. `argv[1]` belongs to the program that started the
 * process, such as the container of a process manager, so that it is used only if it leads to this command. It is then
 * used as it is, because it may be a link that leads to another release by the next reload.
 *
 * @param own - the path of this command's script.
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
