import { createRequire, isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartFailure } from '../failures/start-failure.js';
import { UsageError } from '../failures/usage-error.js';

/** Packages of which one is enough, the best first. */
export type Alternatives = readonly [string, ...string[]];

/** Returns the loader of the package: of the working directory, whose drivers a command installed elsewhere uses, or our own. */
export function loaderOf(name: string): NodeJS.Require | undefined {
  return [createRequire(moduleHere()), ownLoader()].find((require) => canLoad(require, name));
}

/**
 * Returns the path of a module in the working directory, which need not be there: what it would find is what is installed there.
 * Where the directory has been removed, it is this module.
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
  // Those with a prefix are only known by it, and the test says no where Node is too old.
  if (name.startsWith('node:')) return isBuiltin(name);
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * @throws UsageError that names every package that has to be installed.
 */
export function assertInstalled(what: string, needed: readonly Alternatives[]): void {
  const missing = needed.filter((names) => names.every((name) => loaderOf(name) === undefined));
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name);
  const others = missing.flatMap(([, ...rest]) => rest).filter((name) => !name.startsWith('node:'));
  const instead = others.length === 0 ? '' : ` (${others.join(' or ')} will do as well)`;
  throw new UsageError(
    `${what} needs what is not installed: npm install ${names.join(' ')}${instead}, where the command is run or beside this package`,
  );
}

/**
 * Loads a package that is installed.
 *
 * @throws StartFailure when it is broken.
 */
export function loadDriver(name: string): unknown {
  try {
    return loaderOf(name)?.(name);
  } catch {
    throw new StartFailure(`the package ${name} cannot be loaded: install it anew`);
  }
}
