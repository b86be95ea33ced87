import { flagOf, type OptionSpec, variableOf } from '../args/option.js';
import type { GivenValue } from '../args/option-values.js';
import { STORE, STORE_FILE } from '../args/serve-flags.js';
import type { StoreLocation } from '../args/store-location.js';
import type { CommandIo } from '../io/command-io.js';
import { PROGRAM } from '../output/help.js';

/**
 * Moves a password from the arguments of this process, which every user of the machine can see, to its environment, which
 * only its own user can see. Workers are started without it in their arguments, too.
 */
export function hideStoreArgument(given: GivenValue | undefined, location: StoreLocation, io: CommandIo): void {
  if (given?.source !== flagOf(STORE) || !('isSecret' in location) || !location.isSecret) return;
  const variable = variableOf(STORE) as string;
  process.env[variable] = given.text;
  process.argv = withoutOption(process.argv, STORE);
  process.title = `${PROGRAM} serve`;
  io.stderr.write(
    `${PROGRAM}: the password in ${given.source} is visible to every user of this machine: give the URL in ${variable} or with ${flagOf(STORE_FILE)}\n`,
  );
}

/** Returns the arguments without the option and its values. */
export function withoutOption(argv: readonly string[], option: OptionSpec): string[] {
  const flag = flagOf(option);
  return argv.filter((arg, index) => arg !== flag && argv[index - 1] !== flag && !arg.startsWith(`${flag}=`));
}
