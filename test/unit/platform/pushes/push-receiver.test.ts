import { describe, expect, test } from 'vitest';
import {
  AES_KEY,
  COMPONENT,
  MERCHANT,
  PlatformWorld,
  PUSH_TOKEN,
  type PushOptions,
} from '../../../support/worlds/platform-world.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const TICKET_ID = `key/${COMPONENT}/component_verify_ticket`;

async function storedTicket(world: PlatformWorld): Promise<unknown> {
  const [document] = await world.store.get([TICKET_ID]);
  return (document?.data['grant'] as { value?: string } | undefined)?.value;
}

describe('a verify ticket', () => {
  test('I3: is durable when its push is answered, and gives the platform a token', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    const answer = await world.push(receiver, world.ticket('second'));
    expect(answer).toEqual({ status: 200, contentType: 'text/plain; charset=utf-8', body: 'success' });
    expect(await storedTicket(world)).toBe('ticket@@@second');
    expect(await tokens.get(COMPONENT, 'component_access_token')).toMatch(/^component-/);
  });

  test('that is older than the stored one changes nothing, and is answered with success', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    expect((await world.push(receiver, world.ticket('older', 10 * MINUTE_MS))).body).toBe('success');
    expect(await storedTicket(world)).toBe('ticket@@@first');
  });

  test.each([
    ['just not expired', 12 * HOUR_MS - 1_000, 200],
    ['expired', 12 * HOUR_MS, 400],
    ['at most ten minutes ahead', -10 * MINUTE_MS, 200],
    ['more than ten minutes ahead', -10 * MINUTE_MS - 1_000, 400],
  ])('that is %s is answered accordingly', async (_case, agoMs, status) => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    expect((await world.push(receiver, world.ticket('other', agoMs))).status).toBe(status);
  });

  test.each<[string, object]>([
    ['without a ticket', { ComponentVerifyTicket: '' }],
    ['with a ticket of other characters than ASCII', { ComponentVerifyTicket: 'CANARY-票' }],
    ['with a ticket of two lines', { ComponentVerifyTicket: 'CANARY\nCANARY' }],
    ['with a ticket of 1,025 characters', { ComponentVerifyTicket: 'CANARY'.padEnd(1_025, 'x') }],
    ['with a ticket of invisible characters', { ComponentVerifyTicket: 'CANARY\u200b' }],
    ['without a time', { CreateTime: '' }],
    ['with a time that is no number', { CreateTime: 'CANARY' }],
    ['for another platform', { AppId: 'CANARY' }],
  ])('%s is refused, with nothing of it in the answer, and nothing stored', async (_case, changed) => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const { status, body } = await world.push(receiver, { ...world.ticket('CANARY'), ...changed });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(402);
    expect(body).not.toContain('CANARY');
    expect(await storedTicket(world)).toBe('ticket@@@first');
  });

  test('is answered with 500 when the store is too slow, and not with a late success', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    world.store.set = () => new Promise(() => {});
    const pushing = world.push(receiver, world.ticket('second'));
    await world.settle(3_001);
    expect((await pushing).status).toBe(500);
  });
});

describe('the signature of a push', () => {
  test.each<[string, PushOptions, number]>([
    ['another token', { token: 'CANARY-other' }, 401],
    ['another key', { key: 'x'.repeat(43) }, 400],
    ['another receiver', { receiver: MERCHANT }, 400],
    ['another app', { appid: 'wxunknown' }, 404],
  ])('is refused for %s', async (_case, options, status) => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const answer = await world.push(receiver, world.ticket('CANARY-ticket'), options);
    expect(answer.status).toBe(status);
    expect(answer.body).not.toMatch(/CANARY|wxunknown/);
    expect(await storedTicket(world)).toBe('ticket@@@first');
  });

  test.each([
    [-600, 200],
    [-601, 401],
    [600, 200],
    [601, 401],
  ])('is refused where its time is more than ten minutes off: %i s', async (seconds, status) => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const timestamp = Math.floor(world.clock.now() / 1_000) + seconds;
    expect((await world.push(receiver, world.ticket('other'), { timestamp })).status).toBe(status);
  });

  test('is checked with settings that another process has just changed', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const other = world.process();
    const changed = { token: 'new-token', encodingAesKey: ['n'.repeat(43), AES_KEY] };
    await other.tokens.register({ appid: COMPONENT, push: changed });
    await world.settle(6_000);
    const options = { token: 'new-token', key: 'n'.repeat(43) };
    expect((await world.push(receiver, world.ticket('new'), options)).body).toBe('success');
    expect((await world.push(receiver, world.ticket('old'), { token: 'new-token' })).body).toBe('success');
  });

  test('is checked for all pushes that come while the app is read for the first of them', async () => {
    await using world = new PlatformWorld({ fleet: true });
    await world.receiving();
    const { receiver } = world.process();
    const pushes = ['second', 'third', 'fourth'].map((ticket) => world.push(receiver, world.ticket(ticket)));
    const answers = await Promise.all(pushes);
    expect(answers.map(({ body }) => body)).toEqual(['success', 'success', 'success']);
  });

  test('of a clock that is five minutes behind is accepted for longer, and warned of once', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const ahead = Math.floor(world.clock.now() / 1_000) + 300;
    for (let push = 0; push < 12; push++) {
      await world.push(receiver, world.ticket(`${push}`), { timestamp: ahead + push });
    }
    expect(world.errors.map(({ message }) => message)).toEqual([expect.stringMatching(/30\d s behind/)]);
    expect((await world.push(receiver, world.ticket('later'), { timestamp: ahead + 590 })).body).toBe('success');
  });
});

describe('the clock that pushes are judged by', () => {
  test('is not changed by a push that is repeated for longer than it is accepted', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const timestamp = Math.floor(world.clock.now() / 1_000) + 1;
    for (let minute = 0; minute < 12; minute++) {
      for (let push = 0; push < 15; push++) await world.push(receiver, world.ticket('first'), { timestamp });
      await world.settle(MINUTE_MS);
    }
    expect((await world.push(receiver, world.ticket('first'), { timestamp })).status).toBe(401);
    const now = Math.floor(world.clock.now() / 1_000) + 1;
    expect((await world.push(receiver, world.ticket('new'), { timestamp: now })).status).toBe(200);
  });

  test('is not changed for other apps by the owner of one, who can sign any time', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await tokens.register({ appid: 'wxother', push: { token: 'other', encodingAesKey: AES_KEY } });
    const ahead = Math.floor(world.clock.now() / 1_000) + 580;
    for (let push = 0; push < 20; push++) {
      await world.push(receiver, '{}', { appid: 'wxother', token: 'other', timestamp: ahead + push });
    }
    const timestamp = Math.floor(world.clock.now() / 1_000) - 30;
    expect((await world.push(receiver, world.ticket('new'), { timestamp })).status).toBe(200);
  });

  test('is warned of once, however many apps are pushed to', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await tokens.register({ appid: 'wxother', push: { token: PUSH_TOKEN, encodingAesKey: AES_KEY } });
    const ahead = Math.floor(world.clock.now() / 1_000) + 300;
    for (const appid of [COMPONENT, 'wxother']) {
      for (let push = 0; push < 12; push++) {
        await world.push(receiver, world.ticket('x'), { appid, timestamp: ahead + push });
      }
    }
    expect(world.errors).toHaveLength(1);
  });
});

describe('an app that is not in memory yet', () => {
  test('is read once for all pushes that arrive together', async () => {
    await using world = new PlatformWorld();
    await world.receiving();
    const { receiver } = world.process();
    const pushes = Array.from({ length: 30 }, () => world.push(receiver, world.ticket('second')));
    expect(new Set((await Promise.all(pushes)).map(({ body }) => body))).toEqual(new Set(['success']));
  });
});

describe('a push that WeChat would not send', () => {
  const query = 'timestamp=1700000000&nonce=n&msg_signature=';
  test.each<[string, string, string, number]>([
    ['an empty body', query, '', 400],
    ['a body that is no XML', query, 'CANARY', 400],
    ['a DOCTYPE', query, '<!DOCTYPE a [<!ENTITY e "CANARY">]><xml><Encrypt>&e;</Encrypt></xml>', 400],
    ['two encrypted messages', query, '<xml><Encrypt>YQ==</Encrypt><Encrypt>YQ==</Encrypt></xml>', 400],
    ['no signature', 'timestamp=1700000000&nonce=n', '<xml><Encrypt>YQ==</Encrypt></xml>', 401],
    ['a query of arrays', 'timestamp[]=1&nonce[]=2&msg_signature[]=3', '<xml><Encrypt>YQ==</Encrypt></xml>', 401],
  ])('is refused: %s', async (_case, search, body, status) => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const answer = await receiver.receive({ method: 'POST', appid: COMPONENT, query: search, body: Buffer.from(body) });
    expect(answer.status).toBe(status);
    expect(answer.body).not.toContain('CANARY');
  });

  test('cannot make a process read the store more than 20 times a second', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const statuses: number[] = [];
    for (let app = 0; app < 30; app++) {
      statuses.push((await world.push(receiver, world.ticket('x'), { appid: `wxunknown${app}` })).status);
    }
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
  });

  test('does not read the store again for the same app within five seconds', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving();
    const statuses: number[] = [];
    for (let push = 0; push < 30; push++) {
      statuses.push((await world.push(receiver, world.ticket('x'), { appid: 'wxunknown' })).status);
    }
    expect(new Set(statuses)).toEqual(new Set([404]));
  });
});

describe('other events of a platform', () => {
  test('are passed on, with their nested fields, before they are answered', async () => {
    await using world = new PlatformWorld();
    const seen: unknown[] = [];
    const { receiver } = await world.receiving({
      onEvent: ({ component, infoType, content }) => {
        seen.push([component, infoType, content.children.get('info')?.[0]?.textOf('name')]);
      },
    });
    const fields = { ...world.ofPlatform('wxa_nickname_audit'), info: [['name', 'Shop'] as const] };
    expect((await world.push(receiver, fields)).body).toBe('success');
    expect(seen).toEqual([[COMPONENT, 'wxa_nickname_audit', 'Shop']]);
  });

  test('that are repeated are handled once, and others of the same second for themselves', async () => {
    await using world = new PlatformWorld();
    const seen: string[] = [];
    let end: () => void = () => {};
    const { receiver } = await world.receiving({
      onEvent: ({ id }) => {
        seen.push(id);
        return new Promise<void>((resolve) => (end = resolve));
      },
    });
    const event = world.ofPlatform('wxa_nickname_audit');
    const first = world.push(receiver, event);
    await world.settle(4_001);
    expect((await first).status).toBe(500);
    const repeated = world.push(receiver, event, { nonce: 'other' });
    await world.settle(0);
    end();
    expect((await repeated).body).toBe('success');
    expect((await world.push(receiver, event, { nonce: 'third' })).body).toBe('success');
    expect(seen).toHaveLength(1);
    const other = world.push(receiver, { ...event, nickname: 'Shop' });
    await world.settle(0);
    end();
    expect((await other).body).toBe('success');
    expect(new Set(seen).size).toBe(2);
  });

  test('are answered with 500 when the handler fails, so that WeChat repeats them', async () => {
    await using world = new PlatformWorld();
    const { receiver } = await world.receiving({
      onEvent: () => {
        throw new Error('broken');
      },
    });
    const { status, body } = await world.push(receiver, world.ofPlatform('wxa_nickname_audit'));
    expect([status, body]).toEqual([500, expect.not.stringContaining('broken')]);
    expect((await world.push(receiver, world.ofPlatform('wxa_nickname_audit'))).status).toBe(500);
    expect(world.errors.map(({ message }) => message)).toEqual(['onEvent failed: broken', 'onEvent failed: broken']);
  });

  test('are refused when they are not encrypted', async () => {
    await using world = new PlatformWorld();
    const { tokens, receiver } = await world.receiving();
    await tokens.register({ appid: 'wxplain', push: { token: PUSH_TOKEN } });
    const body = Buffer.from('<xml><AppId>wxplain</AppId><InfoType>component_verify_ticket</InfoType></xml>');
    const answer = await receiver.receive({ method: 'POST', appid: 'wxplain', query: world.query({}), body });
    expect(answer.status).toBe(401);
  });
});
