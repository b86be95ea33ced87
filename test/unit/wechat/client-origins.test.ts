import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Upstream } from '../../../src/core/model/refresher.js';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';
import { clientOf } from '../../support/worlds/wechat-client.js';
import { everythingShown, failure } from './failure.js';

const QUERY = { grant_type: 'client_credential', appid: 'wx1', secret: 'secret' };

let clock: FakeClock;
let first: FakeWeChat;
let second: FakeWeChat;
let third: FakeWeChat;
let client: Upstream;

beforeEach(async () => {
  clock = new FakeClock();
  [first, second, third] = (await Promise.all([1, 2, 3].map(() => FakeWeChat.start({ clock })))) as [
    FakeWeChat,
    FakeWeChat,
    FakeWeChat,
  ];
  client = clientOf({ origins: [first.origin, second.origin, third.origin], clock });
});

afterEach(async () => {
  await client.close();
  await Promise.all([first, second, third].map((wechat) => wechat.close()));
});

function ask(asked: Upstream = client, signal: AbortSignal = new AbortController().signal): Promise<unknown> {
  return asked.request({ method: 'GET', path: '/cgi-bin/token', query: QUERY }, { signal, withToken: false });
}

function counts(): number[] {
  return [first, second, third].map((wechat) => wechat.countCalls());
}

async function closedPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('the next origin', () => {
  it('the next origin is not asked while the first answers', async () => {
    await ask();
    expect(counts()).toEqual([1, 0, 0]);
  });

  it.each(['reset', 'lost', { status: 502 }] as const)('the next origin is asked once after %j', async (fault) => {
    first.fail('*', fault);
    await expect(ask()).resolves.toMatchObject({ expires_in: 7200 });
    expect(counts()).toEqual([1, 1, 0]);
  });

  it('the next origin is asked once after the first was silent for 6 s', async () => {
    first.fail('*', 'hang');
    const asked = ask();
    await first.nextCall();
    await clock.advance(6_000);
    await expect(asked).resolves.toMatchObject({ expires_in: 7200 });
    expect(counts()).toEqual([1, 1, 0]);
  });

  it('a third origin is not asked when the second fails too', async () => {
    first.fail('*', 'reset');
    second.fail('*', { status: 500 });
    const error = await failure(ask());
    expect(error.code).toBe('UPSTREAM_UNAVAILABLE');
    expect(error.message).toContain('HTTP status 500');
    expect(counts()).toEqual([1, 1, 0]);
  });

  it.each([
    { errcode: -1 },
    { errcode: 45009 },
    { status: 502, body: '{"errcode":-1}' },
    'html',
    'broken-json',
    'huge',
    { status: 302 },
    { status: 404 },
  ] as const)('the next origin is not asked after %j', async (fault) => {
    first.fail('*', fault);
    await failure(ask());
    expect(counts()).toEqual([1, 0, 0]);
  });

  it('the next origin is not asked once the caller has aborted', async () => {
    first.fail('*', 'hang');
    const controller = new AbortController();
    const asked = ask(client, controller.signal);
    await first.nextCall();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    expect(counts()).toEqual([1, 0, 0]);
  });
});

describe('unreachable hosts', () => {
  it.each([
    ['a closed port', closedPort, 'ECONNREFUSED'],
    ['a name that does not exist', async () => 'http://wechat.invalid', 'getaddrinfo'],
    ['something that is no TLS', async () => first.origin.replace('http:', 'https:'), /could not be reached/],
  ])('an unreachable host is a failure of this host: %s', async (_, makeOrigin, words) => {
    const lone = clientOf({ origins: [await makeOrigin()], clock });
    const error = await failure(ask(lone));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, hostOnly: true });
    expect(error.message).toMatch(words);
    expect(everythingShown(error)).not.toContain('secret');
    await lone.close();
  });

  it('the next origin is asked after an unreachable one', async () => {
    const pair = clientOf({ origins: [await closedPort(), second.origin], clock });
    await expect(ask(pair)).resolves.toMatchObject({ expires_in: 7200 });
    expect(counts()).toEqual([0, 1, 0]);
    await pair.close();
  });
});

describe('origins that were silent twenty times in a row', () => {
  async function silence(times: number): Promise<void> {
    for (let time = 0; time < times; time++) await ask();
  }

  it('a silent origin is skipped except for one probe a second', async () => {
    first.outage(true);
    await silence(20);
    expect(counts()).toEqual([20, 20, 0]);
    await silence(3);
    expect(counts()).toEqual([20, 23, 0]);
    await clock.advance(999);
    await ask();
    expect(counts()).toEqual([20, 24, 0]);
    await clock.advance(1);
    await silence(2);
    expect(counts()).toEqual([21, 26, 0]);
    await clock.advance(1_000);
    await silence(2);
    expect(counts()).toEqual([22, 28, 0]);
  });

  it('a silent origin is asked again once a probe was answered', async () => {
    first.outage(true);
    await silence(20);
    first.outage(false);
    await clock.advance(1_000);
    await silence(3);
    expect(counts()).toEqual([23, 20, 0]);
  });

  it('an answer in between keeps an origin from being skipped', async () => {
    first.outage(true);
    await silence(19);
    first.outage(false);
    await ask();
    first.outage(true);
    await silence(19);
    expect(first.countCalls()).toBe(39);
    await ask();
    expect(first.countCalls()).toBe(40);
    await ask();
    expect(first.countCalls()).toBe(40);
  });

  it('a 5xx does not count as silence', async () => {
    first.fail('*', { status: 503 });
    await silence(22);
    expect(first.countCalls()).toBe(22);
  });

  it('a silent origin is not used as the next one either, so that no request is sent twice', async () => {
    const pair = clientOf({ origins: [first.origin, second.origin], clock });
    first.outage(true);
    second.outage(true);
    for (let time = 0; time < 20; time++) await failure(ask(pair));
    first.outage(false);
    await clock.advance(1_000);
    await ask(pair);
    first.fail('*', { status: 502 });
    const asked = counts();
    await failure(ask(pair));
    await failure(ask(pair));
    expect(first.countCalls() - (asked[0] ?? 0)).toBe(2);
    expect(second.countCalls() - (asked[1] ?? 0)).toBe(1);
    await pair.close();
  });

  it('a request fails without a call when the only origin is silent', async () => {
    const lone = clientOf({ origins: [first.origin], clock });
    first.outage(true);
    for (let time = 0; time < 20; time++) await failure(ask(lone));
    const error = await failure(ask(lone));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, hostOnly: false });
    expect(error.message).toContain('one per second');
    expect(first.countCalls()).toBe(20);
    await lone.close();
  });

  it('an only origin that could not be reached is a failure of this host', async () => {
    const lone = clientOf({ origins: [await closedPort()], clock });
    for (let time = 0; time < 20; time++) await failure(ask(lone));
    const error = await failure(ask(lone));
    expect(error.message).toContain('one per second');
    expect(error.hostOnly).toBe(true);
    await lone.close();
  });
});
