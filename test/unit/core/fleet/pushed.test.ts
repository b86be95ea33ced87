import { expect, test } from 'vitest';
import { type Refresher, TokenError, type TokenManager } from '../../../../src/index.js';
import { FleetWorld, seeded } from '../../../support/worlds/fleet-world.js';
import { SECRET } from '../../../support/worlds/world.js';

const PLATFORM = 'wx-platform';
const TICKET = 'component_verify_ticket';
const TOKEN = 'component_access_token';

/** The token of a platform, whose tickets WeChat pushes and refuses once they are old. */
class PlatformRefresher implements Refresher<string> {
  readonly type = TOKEN;
  readonly sent: string[] = [];
  readonly dependsOn = () => [{ appid: PLATFORM, type: TICKET }];
  readonly #refused = new Set<string>();

  refuse(ticket: string): void {
    this.#refused.add(ticket);
  }

  async refresh({ token }: Parameters<Refresher['refresh']>[0]) {
    const ticket = await token({ appid: PLATFORM, type: TICKET });
    this.sent.push(ticket);
    if (this.#refused.has(ticket)) throw new TokenError('UPSTREAM_REJECTED', 'old', { errcode: 61006 });
    return { value: `token of ${ticket}`, expiresInSeconds: 7_200 };
  }
}

test('a ticket that is pushed to one process wakes what waits for it in the whole fleet', async () => {
  await using world = new FleetWorld({ random: seeded(1) });
  const upstream = new PlatformRefresher();
  const fleet = Array.from({ length: 4 }, () => world.process({ refreshers: [upstream as never] }));
  for (const { tokens } of fleet) await tokens.start();
  const [one, other] = fleet.map(({ tokens }) => tokens as TokenManager<never>) as [TokenManager, TokenManager];
  await one.register({ appid: PLATFORM, secret: SECRET, tasks: [TOKEN] });
  await world.clock.advance(120_000);
  expect(upstream.sent).toEqual([]);
  upstream.refuse('ticket-1');
  await other.put(PLATFORM, TICKET, { value: 'ticket-1', expiresInSeconds: 43_200 });
  await world.clock.advance(3_000);
  expect(upstream.sent).toEqual(['ticket-1']);
  await world.clock.advance(500_000);
  expect(upstream.sent).toEqual(['ticket-1']);
  await one.put(PLATFORM, TICKET, { value: 'ticket-2', expiresInSeconds: 43_200 });
  await world.clock.advance(3_000);
  expect(upstream.sent).toEqual(['ticket-1', 'ticket-2']);
  expect(await other.get(PLATFORM, TOKEN)).toBe('token of ticket-2');
});
