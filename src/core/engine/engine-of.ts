import type { Engine } from './engine.js';

const engines = new WeakMap<object, Engine>();

/** Gives the other entry points of this package, and no application, access to the parts of a manager. */
export function exposeEngine(manager: object, engine: Engine): void {
  engines.set(manager, engine);
}

/**
 * @throws TypeError for what is no manager of this copy of the package.
 */
export function engineOf(manager: object): Engine {
  const engine = engines.get(manager);
  if (engine === undefined) {
    throw new TypeError('manager must be a TokenManager of the same copy of wechat-token-manager');
  }
  return engine;
}
