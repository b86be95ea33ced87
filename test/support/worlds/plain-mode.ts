import type { TokenManager } from '../../../src/index.js';
import { APPID, SECRET, TYPE, type World } from './world.js';

/** Returns the most requests for the access token of an app in plain mode, none of which is answered, in its first hours. */
export function mostRequests(hours: number): number {
  return 60 + hours * 18;
}

/** Returns a manager whose app has its access token in plain mode as its task. */
export async function inPlainMode(world: World): Promise<TokenManager> {
  const tokens = world.manager();
  await tokens.register({ appid: APPID, secret: SECRET, accessToken: 'plain', tasks: [TYPE] });
  return tokens;
}

/** Asks each process for the access token every 30 s, and returns the number of requests to WeChat. */
export async function requestsOnDemand(world: World, fleet: readonly TokenManager[], hours: number): Promise<number> {
  const { calls } = world.wechat;
  for (let at = 0; at < hours * 3_600_000; at += 30_000) {
    for (const tokens of fleet) tokens.get(APPID, TYPE, { timeoutMs: 1_000 }).catch(() => {});
    await world.clock.advance(30_000);
  }
  return world.wechat.calls - calls;
}
