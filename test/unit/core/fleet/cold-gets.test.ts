import { describe, expect, it } from 'vitest';
import { appids, FleetWorld } from '../../../support/worlds/fleet-world.js';
import { TYPE } from '../../../support/worlds/world.js';

describe('callers of keys that their process does not hold', () => {
  it('callers of keys that are not cached do not each cause a look at what is due', async () => {
    await using world = new FleetWorld();
    const { tokens: first } = await world.started();
    const names = appids(50);
    await world.register(first, ...names);
    for (const appid of names) await first.get(appid, TYPE);
    const { tokens } = await world.started();
    await world.clock.advance(10);
    let looks = 0;
    const claimDue = world.store.claimDue?.bind(world.store);
    world.store.claimDue = async (...args) => {
      looks += 1;
      return (await claimDue?.(...args)) ?? [];
    };
    for (const appid of names) {
      await tokens.get(appid, TYPE);
      await world.clock.advance(1);
    }
    expect(looks).toBeLessThan(5);
  });

  it('callers of keys that are not cached do not make their process refresh faster than the pace', async () => {
    await using world = new FleetWorld();
    const names = appids(200);
    const { tokens: first } = await world.started();
    await world.register(first, ...names);
    for (const appid of names) await first.get(appid, TYPE);
    await first.close();
    await world.clock.advance(7_000_000);
    const { tokens } = await world.started({ refresh: { maxPerSecond: 10 } });
    world.fetches.length = 0;
    await Promise.all(names.map((appid) => tokens.get(appid, TYPE)));
    await world.clock.advance(1_000);
    expect(world.fetches.length).toBeLessThan(30);
  });
});
