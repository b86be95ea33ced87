import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/opt/homebrew/bin'];

/** The path of the first of these programs that is there: in `directories`, in the `PATH`, or where systems keep servers. */
function findProgram(names: readonly string[], directories: readonly string[] = []): string | undefined {
  const places = [...directories, ...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRECTORIES];
  const paths = names.flatMap((name) => places.filter((place) => place !== '').map((place) => join(place, name)));
  return paths.find(isExecutable);
}

/**
 * The path of a program that tests need. Where it is missing, one line on the console says so and they are to be skipped
 * (`describe.skipIf(program === undefined)`); in CI, which has everything, it is an error.
 */
export function programForTests(
  names: readonly string[],
  debianPackage: string,
  directories: readonly string[] = [],
): string | undefined {
  const program = findProgram(names, directories);
  if (program !== undefined) return program;
  const missing = `${names.join(' or ')} is missing: install the Debian package ${debianPackage}`;
  if (process.env.CI !== undefined && process.env.CI !== '') throw new Error(missing);
  process.stderr.write(`Tests are skipped, ${missing}.\n`);
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
