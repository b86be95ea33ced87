import type { Engine } from './engine.js';

const engines = new WeakMap<object, Engine>();

/** Gives other entry points of this package, but not applications, access to the engine of a manager. */
export function exposeEngine(manager: object, engine: Engine): void {
  engines.set(manager, engine);
}

/**
 * Returns the engine of a manager.
 *
 * @throws TypeError if the value is not a manager of this copy of the package.
 */
export function engineOf(manager: object): Engine {
  const engine = engines.get(manager);
  if (engine === undefined) throw foreignManager('manager');
  return engine;
}

/**
 * Returns the error for a value that is not a manager of this copy of the package. Bundlers make several copies: Next.js makes
 * one for each bundle, and another after each change of a file.
 *
 * @param name - the name of the argument.
 */
export function foreignManager(name: string): TypeError {
  const remedy = 'where a bundler makes several copies, leave the package external';
  return new TypeError(`${name} must be a TokenManager of the same copy of wechat-token-manager: ${remedy}`);
}
