import * as nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';
import { canLoad, moduleHere, ownLoader } from './installed-package.js';

type NextResolve = (specifier: string, context: object) => unknown;

interface ResolveHooks {
  registerHooks?(hooks: { resolve(specifier: string, context: object, next: NextResolve): unknown }): unknown;
}

const PACKAGE = 'kysely';

/**
 * Lets the SQL store find Kysely in the working directory if it is not installed beside this package, as with a global
 * installation of the command. It must be called before the store is loaded.
 */
export function findKysely(): void {
  if (canLoad(ownLoader(), PACKAGE)) return;
  const parentURL = pathToFileURL(moduleHere()).href;
  const { registerHooks } = nodeModule as ResolveHooks;
  if (registerHooks === undefined) {
    nodeModule.register(`data:text/javascript,${encodeURIComponent(hookIn(parentURL))}`);
    return;
  }
  registerHooks({
    resolve: (specifier, context, next) => next(specifier, specifier === PACKAGE ? { ...context, parentURL } : context),
  });
}

/** Returns the source text of the resolve hooks for Node before 22.15, which runs them in a separate thread. */
function hookIn(parentURL: string): string {
  const at = JSON.stringify(parentURL);
  return `export const resolve = (specifier, context, next) =>
  next(specifier, specifier === '${PACKAGE}' ? { ...context, parentURL: ${at} } : context);`;
}
