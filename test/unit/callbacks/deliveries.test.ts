import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GuardedAnswer, GuardedRequest } from '../../../src/callbacks/guarded-request.js';
import { appSecretOf, verifyWebhook, type WebhookSecret } from '../../../src/callbacks/webhook-signature.js';
import { engineOf } from '../../../src/core/engine/engine-of.js';
import {
  type Delivered,
  deliveryContent,
  type FailingDelivery,
  readDeliveryDocument,
} from '../../../src/core/store/delivery-document.js';
import { seal } from '../../../src/core/store/document-codec.js';
import { TokenError, type TokenManager, type TokenManagerEvents } from '../../../src/index.js';
import { FaultyStore } from '../../support/stores/shared-store.js';
import { attachDeliveries } from '../../support/worlds/attached-deliveries.js';
import { APPID, SECRET, TYPE, World } from '../../support/worlds/world.js';

const NOTIFY = 'http://shop.test/wechat?shop=7';
const OK = { status: 204, body: Buffer.alloc(0) };
const HOUR_MS = 3_600_000;

interface Sent extends GuardedRequest {
  readonly url: URL;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Targets that answer as they are told: 204 by default. */
class Targets {
  readonly sent: Sent[] = [];
  answer: (request: Sent) => Promise<GuardedAnswer> = async () => OK;

  readonly send = async (request: GuardedRequest): Promise<GuardedAnswer> => {
    this.sent.push(request as Sent);
    return this.answer(request as Sent);
  };

  get tokens(): string[] {
    return this.sent.map(({ body }) => JSON.parse(body).access_token);
  }
}

let faulty: FaultyStore;
let world: World;
let targets: Targets;
let tokens: TokenManager;

beforeEach(async () => {
  world = new World({ store: (memory) => (faulty = new FaultyStore(memory)) });
  targets = new Targets();
  tokens = process();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

/** A manager whose deliveries go to the targets. */
function process(secrets: readonly WebhookSecret[] = []): TokenManager {
  const manager = world.manager();
  attachDeliveries({ engine: engineOf(manager), requests: targets, secrets });
  return manager;
}

async function register(manager: TokenManager = tokens, notify = NOTIFY, appid = APPID): Promise<void> {
  await manager.register({ appid, secret: SECRET, tasks: [{ type: TYPE, notify }] });
}

function heard<Name extends keyof TokenManagerEvents>(name: Name): TokenManagerEvents[Name][] {
  const events: TokenManagerEvents[Name][] = [];
  tokens.on(name, (event) => void events.push(event));
  return events;
}

async function deliveryOf(manager: TokenManager = tokens) {
  for await (const { delivery } of manager.status()) return delivery;
  return undefined;
}

async function storedDelivery(): Promise<unknown> {
  return (await world.store.get([`delivery/${APPID}/${TYPE}`]))[0];
}

function refuse(): void {
  targets.answer = async () => ({ status: 500, body: Buffer.alloc(0) });
}

/** The clock moves on to the next refresh. */
function untilNextToken(): Promise<void> {
  return world.clock.advance(7_200_000);
}

describe('a delivery', () => {
  it('the target is notified of a new token, with appid and type appended to its query', async () => {
    world.wechat.always = { result: { access_token: 'A', expires_in: 7_200 }, value: 'A' };
    const delivered = heard('delivered');
    await register();
    await world.clock.advance(0);
    expect(targets.sent).toHaveLength(1);
    const [{ url, ...sent }] = targets.sent as [Sent];
    expect({ url: url.href, ...sent }).toEqual({
      url: `http://shop.test/wechat?shop=7&appid=${APPID}&type=0`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"access_token":"A","expires_in":7200}',
      statusOnly: true,
    });
    const { version } = tokens.peek(APPID, TYPE) ?? {};
    expect(delivered).toEqual([{ appid: APPID, type: TYPE, subject: undefined, version, attempt: 1 }]);
    expect(await deliveryOf()).toMatchObject({ state: 'delivered', version, attempts: 0, lastError: undefined });
  });

  it('each token is delivered once', async () => {
    await register();
    await untilNextToken();
    await untilNextToken();
    expect(targets.tokens).toEqual(['token-1', 'token-2', 'token-3']);
  });

  it('a token that was put without an answer is delivered as WeChat would have answered', async () => {
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: 'jsapi_ticket', notify: NOTIFY }] });
    await tokens.put(APPID, 'jsapi_ticket', { value: 'T', expiresInSeconds: 7_200 });
    await world.clock.advance(1_000);
    expect(targets.sent.at(-1)?.body).toBe('{"ticket":"T","expires_in":7200}');
    expect(targets.sent.at(-1)?.url.search).toBe(`?shop=7&appid=${APPID}&type=1`);
  });

  it.each([
    ["WeChat's answer", { ticket: 'T', expires_in: 7_200 }],
    ['an answer that is made up', undefined],
  ])('the body of each attempt has the lifetime that is left, made from %s', async (_, result) => {
    const told: { readonly left: number; readonly at: number }[] = [];
    targets.answer = async ({ body }) => {
      told.push({ left: JSON.parse(body).expires_in, at: world.clock.now() });
      return { status: 500, body: Buffer.alloc(0) };
    };
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: 'jsapi_ticket', notify: NOTIFY }] });
    const obtainedAt = world.clock.now() - 200_000;
    const grant = { value: 'T', expiresInSeconds: 7_200, obtainedAt };
    await tokens.put(APPID, 'jsapi_ticket', result === undefined ? grant : { ...grant, result });
    await world.clock.advance(600_000);
    expect(told.length).toBeGreaterThan(3);
    for (const { left, at } of told) expect(left).toBe(Math.floor((obtainedAt + 7_200_000 - at) / 1_000));
    expect(told.at(-1)?.left).toBeLessThan(6_900);
  });

  it('the body of an attempt after the clock was set back has the lifetime that is left', async () => {
    refuse();
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [{ type: 'jsapi_ticket', notify: NOTIFY }] });
    await tokens.put(APPID, 'jsapi_ticket', { value: 'T', expiresInSeconds: 7_200 });
    await world.clock.advance(5_400_000);
    const before = targets.sent.length;
    world.clock.jump(-HOUR_MS);
    await world.clock.advance(700_000);
    expect(targets.sent.length).toBeGreaterThan(before);
    for (const { body } of targets.sent.slice(before)) expect(JSON.parse(body).expires_in).toBeLessThanOrEqual(1_800);
  });

  it('the query of a delivery has the subject, and the name of a type without a number', async () => {
    const task = { type: 'wx_card_ticket', subject: 'a&b=c', notify: 'http://shop.test/' } as const;
    await tokens.register({ appid: APPID, secret: SECRET, tasks: [task] });
    await tokens.put(APPID, 'wx_card_ticket', { value: 'T', expiresInSeconds: 7_200 }, { subject: 'a&b=c' });
    await world.clock.advance(1_000);
    expect(targets.sent[0]?.url.search).toBe(`?appid=${APPID}&type=wx_card_ticket&subject=a%26b%3Dc`);
  });

  it('a delivery is signed with the secret of its app, for each secret of the server', async () => {
    const secrets = [`whsec_${Buffer.alloc(32, 1).toString('base64')}`, Buffer.alloc(32, 2)];
    await register(process(secrets));
    await world.clock.advance(0);
    const [{ headers, body }] = targets.sent as [Sent];
    for (const secret of secrets) {
      const received = { headers, body, secret: appSecretOf(secret, APPID), now: () => world.clock.now() };
      expect(verifyWebhook(received).id).toBe(headers['webhook-id']);
      const others = { ...received, secret: appSecretOf(secret, 'wxanother') };
      expect(() => verifyWebhook(others)).toThrow('signature');
    }
  });

  it('a repeated delivery keeps its id, and another token gets another id', async () => {
    refuse();
    await register(process([Buffer.alloc(32, 1)]));
    await world.clock.advance(10_000);
    const repeated = targets.sent.length;
    expect(repeated).toBeGreaterThan(1);
    targets.answer = async () => OK;
    await untilNextToken();
    const ids = targets.sent.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids.slice(0, repeated)).size).toBe(1);
    expect(ids.at(-1)).not.toBe(ids[0]);
  });
});

describe('a target that fails', () => {
  it('a delivery that fails is retried with growing pauses while refreshes go on', async () => {
    refuse();
    const failed = heard('deliveryFailed');
    await register();
    await world.clock.advance(60_000);
    expect(failed.slice(0, 4).map(({ attempt, retryAt }) => [attempt, (retryAt as number) - start()])).toEqual([
      [1, 500],
      [2, 1_500],
      [3, 3_500],
      [4, 7_500],
    ]);
    expect(failed[0]?.error).toMatchObject({
      code: 'UPSTREAM_UNAVAILABLE',
      message: 'shop.test answered with status 500',
    });
    expect(await deliveryOf()).toMatchObject({ state: 'failed', lastError: 'shop.test answered with status 500' });
    await untilNextToken();
    expect(tokens.peek(APPID, TYPE)).toBeDefined();
    expect(world.wechat.calls).toBe(2);
  });

  it('a target that works again gets the newest token only', async () => {
    refuse();
    await register();
    await untilNextToken();
    targets.sent.length = 0;
    targets.answer = async () => OK;
    await world.clock.advance(600_000);
    expect(targets.tokens).toEqual(['token-2']);
    expect(await deliveryOf()).toMatchObject({ state: 'delivered', attempts: 0, lastError: undefined });
  });

  it('retries stop after 24 hours, and each new token is then tried once', async () => {
    refuse();
    const failed = heard('deliveryFailed');
    await register();
    await world.clock.advance(24 * HOUR_MS);
    const attempts = failed.length;
    // Full jitter makes pauses of 5 min on average from the tenth attempt on.
    expect(attempts).toBeGreaterThan(24 * 12 - 10);
    expect(attempts).toBeLessThan(24 * 12 + 20);
    expect(failed.at(-1)?.retryAt).toBeUndefined();
    const tokensBefore = world.wechat.calls;
    await world.clock.advance(24 * HOUR_MS);
    expect(failed.length - attempts).toBe(world.wechat.calls - tokensBefore);
    targets.answer = async () => OK;
    await untilNextToken();
    expect(await deliveryOf()).toMatchObject({ state: 'delivered' });
  });

  it('an error that the transport throws becomes the error of deliveryFailed', async () => {
    targets.answer = async () => {
      throw new TokenError('UPSTREAM_REJECTED', 'must not lead there');
    };
    const failed = heard('deliveryFailed');
    await register();
    await world.clock.advance(0);
    expect(failed[0]?.error).toMatchObject({ code: 'UPSTREAM_REJECTED', appid: APPID });
    targets.answer = async () => {
      throw new Error('https://shop.test/?key=CANARY');
    };
    await world.clock.advance(1_000);
    expect(failed[1]?.error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', message: 'the delivery failed' });
  });

  it('a target that never answers delays only the deliveries to the same host and port', async () => {
    targets.answer = ({ url }) => (url.host === 'slow.test' ? new Promise(() => {}) : Promise.resolve(OK));
    const names = Array.from({ length: 200 }, (_, index) => `wx${index}`);
    for (const name of names) await register(tokens, 'http://slow.test/', name);
    await register(tokens, NOTIFY, 'wxgood');
    await register(tokens, 'http://slow.test:81/', 'wxother');
    await world.clock.advance(2_000);
    expect(targets.sent.map(({ url }) => url.host).toSorted()).toEqual([
      'shop.test',
      'slow.test',
      'slow.test',
      'slow.test:81',
    ]);
  });

  it('a delivery waits for no more than one of the deliveries that hang for another app on the same host', async () => {
    const hangs = ({ url }: Sent): boolean => url.searchParams.get('appid') === 'wxhangs';
    targets.answer = async (request) => {
      if (!hangs(request)) return OK;
      await new Promise<void>((resolve) => void world.clock.setTimer(resolve, 5_000));
      throw new TokenError('UPSTREAM_UNAVAILABLE', 'the target did not answer within 5000 ms');
    };
    const users = Array.from({ length: 100 }, (_, index) => `user${index}`);
    const tasks = users.map((subject) => ({ type: TYPE, subject, notify: NOTIFY }) as const);
    await tokens.register({ appid: 'wxhangs', secret: SECRET, tasks });
    await world.clock.advance(12_000);
    targets.sent.length = 0;
    await register(tokens, NOTIFY, 'wxgood');
    await world.clock.advance(5_000);
    expect(targets.sent.filter((request) => !hangs(request))).toHaveLength(1);
    expect(targets.sent.length).toBeGreaterThan(1);
  });
});

describe('pending deliveries', () => {
  it('a pending delivery is made by the next process after the first was killed', async () => {
    refuse();
    await register();
    await world.clock.advance(0);
    targets.answer = async () => OK;
    targets.sent.length = 0;
    await process().start();
    await world.clock.advance(10_000);
    expect(targets.tokens).toEqual(['token-1']);
  });

  it('several processes deliver each token once', async () => {
    const others = [process(), process()];
    await register();
    await Promise.all(others.map((other) => other.start()));
    for (let token = 0; token < 5; token++) await untilNextToken();
    await world.clock.advance(20_000);
    expect(targets.tokens).toEqual(['token-1', 'token-2', 'token-3', 'token-4', 'token-5', 'token-6']);
  });

  it('a token refreshed by a process without callbacks is delivered by another process', async () => {
    const other = process();
    await register();
    await other.start();
    targets.sent.length = 0;
    const without = world.manager();
    await without.start();
    await without.put(APPID, TYPE, { value: 'put', expiresInSeconds: 7_200, obtainedAt: world.clock.now() + 1 });
    await world.clock.advance(20_000);
    expect(targets.tokens).toEqual(['put']);
  });

  it('a target is told when the life of the token that it has was extended', async () => {
    await register();
    await world.clock.advance(HOUR_MS);
    await tokens.put(APPID, TYPE, { value: 'token-1', expiresInSeconds: 7_200, obtainedAt: world.clock.now() });
    await world.clock.advance(1_000);
    expect(targets.tokens).toEqual(['token-1', 'token-1']);
    const [first, second] = targets.sent.map(({ body }) => JSON.parse(body).expires_in as number);
    expect([first, second]).toEqual([7_200, 7_200]);
    await world.clock.advance(60_000);
    expect(targets.sent).toHaveLength(2);
  });

  it('a delivery that an earlier release has noted is repeated only when its token was extended since', async () => {
    await register();
    await world.clock.advance(0);
    const id = `delivery/${APPID}/${TYPE}`;
    const [stored] = await world.store.get([id]);
    const document = readDeliveryDocument(stored);
    const { expiresAt, ...delivered } = document.delivered as Delivered;
    expect(expiresAt).toBe(world.clock.now() + 7_200_000);
    const earlier = seal(id, deliveryContent({ ...document, delivered }));
    await world.store.set(id, earlier, document.version);
    await process().start();
    await world.clock.advance(HOUR_MS);
    expect(targets.tokens).toEqual(['token-1']);
    await tokens.put(APPID, TYPE, { value: 'token-1', expiresInSeconds: 7_200, obtainedAt: world.clock.now() });
    await world.clock.advance(20_000);
    expect(targets.tokens).toEqual(['token-1', 'token-1']);
  });

  it('a new target gets the current token, and a repeated registration delivers nothing', async () => {
    await register();
    await world.clock.advance(0);
    await register();
    await world.clock.advance(10_000);
    expect(targets.sent).toHaveLength(1);
    await register(tokens, 'http://other.test/');
    await world.clock.advance(1_000);
    expect(targets.sent.map(({ url }) => url.hostname)).toEqual(['shop.test', 'other.test']);
    expect(targets.tokens).toEqual(['token-1', 'token-1']);
  });

  it('a delivery that the store could not record is recorded later and not sent again', async () => {
    let isFull = false;
    faulty.before = (method, id) => {
      if (isFull && method === 'set' && id?.startsWith('delivery/')) throw new Error('the disk is full');
    };
    targets.answer = async () => {
      isFull = true;
      return OK;
    };
    const delivered = heard('delivered');
    await register();
    await world.clock.advance(HOUR_MS);
    expect(targets.sent).toHaveLength(1);
    expect(faulty.calls.filter((method) => method === 'lease').length).toBeLessThan(60);
    expect(delivered).toEqual([]);
    isFull = false;
    await world.clock.advance(1_200_000);
    expect(targets.sent).toHaveLength(1);
    expect(delivered).toHaveLength(1);
    expect(await deliveryOf()).toMatchObject({ state: 'delivered' });
  });

  it('a delivery is retried although its failure was recorded by a clock a month ahead', async () => {
    refuse();
    await register();
    await world.clock.advance(0);
    const [noted] = await world.store.get([`delivery/${APPID}/${TYPE}`]);
    const month = 30 * 24 * HOUR_MS;
    const content = readDeliveryDocument(noted);
    const { failing } = content;
    const later = { ...failing, failedAt: world.clock.now() + month, retryAt: world.clock.now() + month + 1 };
    const sealed = seal(
      `delivery/${APPID}/${TYPE}`,
      deliveryContent({ ...content, failing: later as FailingDelivery }),
    );
    await world.store.set(`delivery/${APPID}/${TYPE}`, sealed, content.version);
    targets.answer = async () => OK;
    await process().start();
    await world.clock.advance(20_000);
    expect(await deliveryOf()).toMatchObject({ state: 'delivered' });
  });

  it('a delivery record that cannot be read is reported with growing pauses, and nothing is sent', async () => {
    const failed = heard('deliveryFailed');
    const newer = { format: 99, checksum: 'x' };
    await world.store.set(`delivery/${APPID}/${TYPE}`, newer, 0);
    await register();
    await world.clock.advance(HOUR_MS);
    expect(targets.sent).toEqual([]);
    expect(failed[0]).toMatchObject({ error: { code: 'STORE_UNAVAILABLE' }, attempt: 1 });
    expect(failed.length).toBeLessThan(30);
    expect(await deliveryOf()).toMatchObject({ state: 'failed', lastError: expect.stringContaining('format 99') });
  });

  it('a delivery is not retried after its token has expired', async () => {
    refuse();
    await register();
    await world.clock.advance(0);
    world.wechat.always = new TokenError('UPSTREAM_UNAVAILABLE', 'down');
    await world.clock.advance(7_200_000);
    const before = targets.sent.length;
    await world.clock.advance(HOUR_MS);
    expect(targets.sent.length).toBe(before);
  });

  it('a delivery is dropped when its task no longer has a target', async () => {
    refuse();
    await register();
    await world.clock.advance(0);
    await tokens.register({ appid: APPID, tasks: [TYPE] });
    await world.clock.advance(600_000);
    expect(targets.sent).toHaveLength(1);
    expect(await deliveryOf()).toBeUndefined();
  });
});

describe('changes of the target', () => {
  const OLD = 'http://old.test/';
  const NEW = 'http://new.test/';
  let hold: ((answer: GuardedAnswer) => void)[];

  /** Tasks of which two are being delivered to the old target, and one waits for its turn there. */
  async function waiting(): Promise<void> {
    hold = [];
    targets.answer = ({ url }) =>
      url.href.startsWith(OLD) ? new Promise((end) => hold.push(end)) : Promise.resolve(OK);
    for (const appid of ['wxa', 'wxb']) await register(tokens, OLD, appid);
    await world.clock.advance(1_000);
    await register(tokens, OLD);
    await world.clock.advance(1_000);
    expect(targets.sent.map(({ url }) => url.searchParams.get('appid'))).toEqual(['wxa', 'wxb']);
    targets.sent.length = 0;
  }

  it.each([
    ['was replaced', () => register(tokens, NEW), [NEW]],
    ['was taken away', () => tokens.register({ appid: APPID, tasks: [TYPE] }), []],
    ['went with its task', () => tokens.unregister(APPID), []],
    ['went with its task, which came back', () => tokens.unregister(APPID).then(() => register(tokens, NEW)), [NEW]],
  ])('an old target gets nothing once it %s, and the new one does not wait for it', async (_what, change, expected) => {
    await waiting();
    await change();
    await world.clock.advance(3_000);
    expect(targets.sent.map(({ url }) => `${url.origin}/`)).toEqual(expected);
    for (const end of hold) end(OK);
    await world.clock.advance(10_000);
    expect(targets.sent.map(({ url }) => `${url.origin}/`)).toEqual(expected);
  });

  it('a new target does not wait for the retry of the old one', async () => {
    let end: (answer: GuardedAnswer) => void = () => {};
    targets.answer = ({ url }) =>
      url.href.startsWith(OLD) ? new Promise((answer) => (end = answer)) : Promise.resolve(OK);
    await register(tokens, OLD);
    await world.clock.advance(0);
    await register(tokens, NEW);
    end({ status: 500, body: Buffer.alloc(0) });
    await world.clock.advance(1_000);
    expect(targets.sent.map(({ url }) => `${url.origin}/`)).toEqual([OLD, NEW]);
  });
});

describe('unregistering during and after deliveries', () => {
  it('unregistering removes the record of the delivery', async () => {
    await register();
    await world.clock.advance(0);
    expect(await storedDelivery()).toBeDefined();
    await tokens.unregister(APPID, TYPE);
    expect(await storedDelivery()).toBeUndefined();
    await register();
    await world.clock.advance(1_000);
    await tokens.unregister(APPID);
    expect(await storedDelivery()).toBeUndefined();
  });

  it('unregistering during a delivery leaves no record of it', async () => {
    let arrive: (answer: GuardedAnswer) => void = () => {};
    targets.answer = () => new Promise((resolve) => (arrive = resolve));
    await register();
    await world.clock.advance(0);
    await tokens.unregister(APPID);
    arrive(OK);
    await world.clock.advance(1_000);
    expect(await storedDelivery()).toBeUndefined();
  });
});

describe('closing during deliveries', () => {
  it('close waits for deliveries under way, and the others stay pending', async () => {
    let arrive: (answer: GuardedAnswer) => void = () => {};
    targets.answer = () => new Promise((resolve) => (arrive = resolve));
    for (const appid of ['wxa', 'wxb', 'wxc']) await register(tokens, NOTIFY, appid);
    await world.clock.advance(1_000);
    expect(targets.sent).toHaveLength(2);
    const closed = tokens.close();
    targets.answer = async () => OK;
    arrive(OK);
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    await world.clock.advance(0);
    expect(isClosed).toBe(false);
    // The other one never answers, which close does not wait for beyond its bound.
    await world.clock.advance(17_000);
    await closed;
    expect(targets.sent).toHaveLength(2);
    const next = process();
    await next.start();
    await world.clock.advance(30_000);
    expect(
      targets.sent
        .slice(2)
        .map(({ url }) => url.searchParams.get('appid'))
        .toSorted(),
    ).toHaveLength(2);
  });
});

function start(): number {
  return Date.UTC(2026, 0, 1);
}
