import { expect } from 'vitest';
import { shared } from '../../../support/stores/shared-store.js';
import { ownScheduleTest } from '../../../support/worlds/fleet-mode.js';
import { seeded } from '../../../support/worlds/fleet-world.js';
import { APPID, SECRET, TYPE, World } from '../../../support/worlds/world.js';

const PROCESSES = 10;
const CYCLES = 5;

/** The same number of processes, and how often they have asked for a lease. */
class CrowdedWorld extends World {
  leases = 0;

  async start(): Promise<void> {
    const lease = (id: string, ttlMs: number) => {
      this.leases += 1;
      return this.store.lease(id, ttlMs);
    };
    for (let index = 0; index < PROCESSES; index++) {
      const tokens = this.manager({ store: { ...shared(this.store), lease } });
      await tokens.register({ appid: APPID, secret: SECRET, tasks: [TYPE] });
    }
  }
}

ownScheduleTest(
  'processes that know of the same instant do not all take the lease then, once they have met',
  async () => {
    await using world = new CrowdedWorld({ random: seeded(1) });
    world.wechat.lifeSeconds = 30;
    world.wechat.always = async () => {
      await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 10));
      return {};
    };
    await world.start();
    while (world.wechat.calls < 2) await world.clock.advance(100);
    const { leases } = world;
    while (world.wechat.calls < 2 + CYCLES) await world.clock.advance(100);
    expect(world.leases - leases).toBeLessThan((PROCESSES * CYCLES) / 2);
  },
);
