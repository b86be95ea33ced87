import { describe, expect, test } from 'vitest';
import { TokenError } from '../../src/index.js';
import { inPlainMode, mostRequests, requestsOnDemand } from '../support/worlds/plain-mode.js';
import { World } from '../support/worlds/world.js';

const HOURS = 24;
const MOST = mostRequests(HOURS);

describe.each([false, true])('a day of failures in plain mode (fleet: %j)', (fleet) => {
  test.each<[string, (now: number) => object]>([
    ['UPSTREAM_UNAVAILABLE', () => ({ errcode: -1, retryable: true })],
    ['UPSTREAM_REJECTED', () => ({ errcode: 61_450, retryable: true })],
    ['QUOTA_EXHAUSTED', (now) => ({ errcode: 45_011, retryAt: now + 30_000, retryable: true })],
  ])('I10: %s costs a limited number of requests in a day', async (code, facts) => {
    await using world = new World({ fleet });
    world.wechat.always = async () => {
      throw new TokenError(code, 'no', facts(world.clock.now()));
    };
    const requests = await requestsOnDemand(world, [await inPlainMode(world)], HOURS);
    expect(requests).toBeGreaterThan(0.8 * MOST);
    expect(requests).toBeLessThanOrEqual(MOST);
  });

  test('I10: refusals of single processes are counted for the whole fleet for a day', async () => {
    await using world = new World({ fleet });
    world.wechat.always = async () => {
      const facts = { errcode: 40_164, retryAt: world.clock.now() + 600_000, hostOnly: true };
      throw new TokenError('UPSTREAM_REJECTED', 'no', facts);
    };
    const processes = [await inPlainMode(world), world.manager(), world.manager(), world.manager()];
    // Each process may have one on its way beyond what there is.
    expect(await requestsOnDemand(world, processes, HOURS)).toBeLessThanOrEqual(MOST + processes.length);
  });
});
