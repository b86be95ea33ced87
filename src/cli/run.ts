import { onOneLine } from '../core/primitives/redact.js';
import { PACKAGE_VERSION } from '../version.js';
import type { CommandSpec } from './args/command.js';
import { type CommandLine, parseCommandLine } from './args/command-line.js';
import { serviceLinkWarning, unknownVariables, withoutServiceLinks } from './args/environment.js';
import { OptionValues } from './args/option-values.js';
import { HELP, VERSION } from './args/options.js';
import { COMMANDS } from './commands.js';
import { failureText } from './failures/failure-text.js';
import { UsageError } from './failures/usage-error.js';
import type { CommandIo } from './io/command-io.js';
import { CheckedOutput } from './io/standard-streams.js';
import { helpOf, helpOfAll, PROGRAM } from './output/help.js';
import { isWorker } from './serve/processes/worker-environment.js';

/**
 * Runs a command line.
 *
 * @param argv - the arguments without the program and the script.
 *
 * @returns the exit code: 2 for invalid input, 1 for any other failure.
 */
export async function run(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const args = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
    return await obey(parseCommandLine(args, COMMANDS), io);
  } catch (error) {
    io.stderr.write(`${PROGRAM}: ${failureText(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function obey({ command, isNamed, operands, given }: CommandLine, io: CommandIo): Promise<number> {
  const asked = new OptionValues([HELP, VERSION], given);
  if (asked.isSet(HELP)) {
    io.stdout.write(isNamed ? helpOf(command) : helpOfAll(COMMANDS));
    return 0;
  }
  if (asked.isSet(VERSION)) {
    io.stdout.write(`${PACKAGE_VERSION}\n`);
    return 0;
  }
  assertOperands(command, operands);
  const env = withoutServiceLinks(io.env);
  const options = new OptionValues(command.options, given, env);
  warnOfVariables(io, env);
  const perform = await command.load();
  const checked = command.onlyLogs === true ? undefined : new CheckedOutput(io.stdout);
  const code = await perform({ operands, options, io });
  await checked?.written();
  return code;
}

/** Checks the number of operands. Their text is not shown, because a secret may be among them. */
function assertOperands({ name, operands: expected }: CommandSpec, operands: readonly string[]): void {
  const missing = expected[operands.length];
  if (missing?.startsWith('<')) throw new UsageError(`${name} needs ${missing}: ${name} ${expected.join(' ')}`);
  if (operands.length <= expected.length) return;
  const takes = expected.length === 0 ? 'nothing' : expected.join(' ');
  throw new UsageError(`${name} takes ${takes}, got ${operands.length} arguments`);
}

/** Warns once about variables. A worker does not repeat it, although it inherits the environment. */
function warnOfVariables(io: CommandIo, env: NodeJS.ProcessEnv): void {
  if (isWorker(io.env)) return;
  for (const warning of [serviceLinkWarning(io.env), unknownVariables(env, COMMANDS)]) {
    if (warning !== undefined) io.stderr.write(`${PROGRAM}: ${onOneLine(warning)}\n`);
  }
}
