import { foreignManager } from '../core/engine/engine-of.js';
import type { Origins } from './origins.js';

/** The way to WeChat that a manager is configured with. */
export interface WeChatHosts {
  /** The hosts with their health, which all requests of a manager share. */
  readonly origins: Origins;
  /** The http or https proxy, with credentials if it needs any. */
  readonly proxy: string | undefined;
}

const hosts = new WeakMap<object, WeChatHosts>();

/** Gives other entry points of this package, but not applications, access to the way to WeChat of a manager. */
export function exposeHosts(manager: object, found: WeChatHosts): void {
  hosts.set(manager, found);
}

/**
 * Returns the way to WeChat of a manager.
 *
 * @param name - the name of the argument, for the error message.
 * @throws TypeError if the value is not a manager of this copy of the package.
 */
export function hostsOf(manager: object, name: string): WeChatHosts {
  const found = hosts.get(manager);
  if (found !== undefined) return found;
  throw foreignManager(name);
}
