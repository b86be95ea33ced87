import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartFailure } from '../failures/start-failure.js';
import { UsageError } from '../failures/usage-error.js';

/** The packages that serve the same purpose, in order of preference. */
export type Alternatives = readonly [string, ...string[]];

/**
 * Returns a loader that finds the package: that of the working directory, so that a command that is installed elsewhere
 * uses the drivers there, or that of this package.
 */
export function loaderOf(name: string): NodeJS.Require | undefined {
  return [createRequire(moduleHere()), ownLoader()].find((require) => canLoad(require, name));
}

/**
 * Returns the path of a module in the working directory. It need not exist: resolving from there finds what is installed
 * there. If the directory has been removed, this module is used.
 */
export function moduleHere(): string {
  try {
    return join(process.cwd(), 'noop.js');
  } catch {
    return fileURLToPath(import.meta.url);
  }
}

/** Returns the loader of the packages that are installed beside this one. */
export function ownLoader(): NodeJS.Require {
  return createRequire(import.meta.url);
}

export function canLoad(require: NodeJS.Require, name: string): boolean {
  // Modules that exist only with the prefix `node:` are built in, and older versions of Node lack some of them.
  if (name.startsWith('node:')) return isBuiltin(name);
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Asserts that at least one package of each group is installed.
 *
 * @throws UsageError naming all packages that are missing.
 */
export function assertInstalled(what: string, needed: readonly Alternatives[]): void {
  const missing = needed.filter((names) => names.every((name) => loaderOf(name) === undefined));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  const others = missing.flatMap(([, ...rest]) => rest).filter((name) => !name.startsWith('node:'));
  const instead = others.length === 0 ? '' : ` (or ${others.join(' or ')})`;
  throw new UsageError(
    `${what} requires a package that is not installed: npm install ${names.join(' ')}${instead}, where the command is run or beside this package`,
  );
}

/**
 * Loads an installed package.
 *
 * @throws StartFailure when it is broken.
 */
export function loadDriver(name: string): unknown {
  try {
    return loaderOf(name)?.(name);
  } catch {
    throw new StartFailure(`the package ${name} cannot be loaded: reinstall it`);
  }
}
