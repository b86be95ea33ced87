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
  if (engine === undefined) {
    throw new TypeError('manager must be a TokenManager from the same copy of wechat-token-manager');
  }
  return engine;
}
