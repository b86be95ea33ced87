import { flagOf, type OptionSpec, variableOf } from '../args/option.js';
import type { OptionValues } from '../args/option-values.js';
import { PROXY, STORE, STORE_FILE } from '../args/serve-flags.js';
import type { ServeOptions } from '../args/serve-options.js';
import type { CommandIo } from '../io/command-io.js';
import { PROGRAM } from '../output/help.js';

/**
 * Moves passwords from the arguments of this process, which every user of the machine can see, to its environment, which
 * only its own user can see. Workers are started without them in their arguments, too.
 */
export function hideSecretArguments(options: OptionValues, { store, proxy }: ServeOptions, io: CommandIo): void {
  if ('isSecret' in store && store.isSecret) hide(STORE, options, ` or with ${flagOf(STORE_FILE)}`, io);
  if (proxy !== undefined && new URL(proxy).password !== '') hide(PROXY, options, '', io);
}

function hide(option: OptionSpec, options: OptionValues, otherWay: string, io: CommandIo): void {
  const given = options.given(option);
  if (given?.source !== flagOf(option)) return;
  const variable = variableOf(option) as string;
  process.env[variable] = given.text;
  process.argv = withoutOption(process.argv, option);
  process.title = `${PROGRAM} serve`;
  io.stderr.write(
    `${PROGRAM}: the password in ${given.source} is visible to every user of this machine: give the URL in ${variable}${otherWay}\n`,
  );
}

/** Returns the arguments without the option and its values. */
export function withoutOption(argv: readonly string[], option: OptionSpec): string[] {
  const flag = flagOf(option);
  return argv.filter((arg, index) => arg !== flag && argv[index - 1] !== flag && !arg.startsWith(`${flag}=`));
}
