import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/opt/homebrew/bin'];
const looked = new Map<string, string | undefined>();

/** Returns the path of the first of these programs that exists: in `directories`, in the `PATH`, or where systems keep servers. */
function findProgram(names: readonly string[], directories: readonly string[] = []): string | undefined {
  const places = [...directories, ...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_DIRECTORIES];
  const paths = names.flatMap((name) => places.filter((place) => place !== '').map((place) => join(place, name)));
  return paths.find(isExecutable);
}

/**
 * Finds a program that tests need. Where it is missing, one line on the console says so and the tests are to be skipped;
 * in CI, which installs everything, it is an error.
 */
export function programForTests(
  names: readonly string[],
  where: string,
  directories: readonly string[] = [],
): string | undefined {
  const name = names.join(' or ');
  if (looked.has(name)) return looked.get(name);
  const program = findProgram(names, directories);
  if (program === undefined) {
    const missing = `${name} is missing: install ${where}`;
    if (process.env.CI !== undefined && process.env.CI !== '') throw new Error(missing);
    process.stderr.write(`Tests are skipped, ${missing}.\n`);
  }
  looked.set(name, program);
  return program;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
