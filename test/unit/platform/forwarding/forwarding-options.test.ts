import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHandler, type HandlerOptions } from '../../../../src/http/index.js';
import { createPushReceiver } from '../../../../src/push-server/index.js';
import { ForwardTargets } from '../../../support/worlds/forward-target.js';
import { COMPONENT, PlatformWorld } from '../../../support/worlds/platform-world.js';

const RULE = { url: 'https://hooks.example.com/?key=CANARY' };
const HANDLER: HandlerOptions = { anonymous: true, contracts: ['push'] };
const SECRET = `whsec_${Buffer.alloc(32, 's').toString('base64')}`;

afterEach(() => void vi.restoreAllMocks());

describe('rules of forwarding', () => {
  test.each<[string, object, string]>([
    ['a rule that is none', { forward: [RULE, 'CANARY'] }, 'forward[1] must be an object'],
    [
      'a host that is not allowed',
      { forward: [RULE], allowHosts: ['other.test'] },
      'forward[0].url: A callback URL must name',
    ],
    [
      'a private address',
      { forward: [{ url: 'http://10.0.0.1/CANARY' }], publicOnly: true },
      'private addresses are refused',
    ],
    [
      'a secret that is none',
      { forward: [RULE], notifySecret: 'CANARY' },
      'notifySecret: secret must be 24 to 64 bytes',
    ],
  ])('are refused by a receiver and by a handler for %s', async (_case, options, message) => {
    await using world = new PlatformWorld();
    const tokens = world.manager();
    for (const create of [
      () => createPushReceiver(tokens, options),
      () => createHandler(tokens, { ...HANDLER, ...options }),
    ]) {
      expect(create).toThrow(TypeError);
      expect(create).toThrow(message);
      expect(create).not.toThrow('CANARY');
    }
  });

  test.each<[string, (world: PlatformWorld) => HandlerOptions, string]>([
    [
      'beside a receiver, which has rules of its own',
      (world) => ({ push: world.process().receiver }),
      'forward is an option of the receiver given as push',
    ],
    ['without the contract of pushes', () => ({ contracts: ['native'] }), "forward needs 'push' among the contracts"],
    [
      'with the contracts of old',
      () => ({ contracts: undefined as never }),
      "forward needs 'push' among the contracts",
    ],
  ])('are refused by a handler %s', async (_case, options, message) => {
    await using world = new PlatformWorld();
    expect(() => createHandler(world.manager(), { ...HANDLER, forward: [RULE], ...options(world) })).toThrow(message);
  });

  test('of a handler forward what is pushed to its routes, signed with its secret', async () => {
    await using world = new PlatformWorld();
    const targets = new ForwardTargets();
    const { tokens } = await world.receiving();
    const { fetch } = createHandler(tokens, { ...HANDLER, forward: [RULE], notifySecret: SECRET });
    const viaHttp = {
      node: () => {},
      fetch,
      async receive({ appid, query, body }: { appid: string; query: string; body: Uint8Array }) {
        const response = await fetch(
          new Request(`http://tokens.test/push/${appid}?${query}`, { method: 'POST', body: Buffer.from(body) }),
        );
        return { status: response.status, contentType: '', body: await response.text() };
      },
    };
    const answer = await world.push(viaHttp, world.ofPlatform('notify_icpfiling_verify_result'));
    expect([answer.body, targets.asked.map(({ push }) => push.appid)]).toEqual(['success', [COMPONENT]]);
    expect(targets.asked[0]?.headers['webhook-signature']).toMatch(/^v1,/);
  });
});
