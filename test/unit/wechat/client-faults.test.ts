import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Upstream } from '../../../src/core/model/refresher.js';
import { FakeClock, type FakeFault, FakeWeChat } from '../../../src/testing/index.js';
import { clientOf } from '../../support/worlds/wechat-client.js';
import { everythingShown, failure } from './failure.js';

const SECRET = 'canary-secret-5f1d7c';

let wechat: FakeWeChat;
let clock: FakeClock;
let client: Upstream;

beforeEach(async () => {
  clock = new FakeClock();
  wechat = await FakeWeChat.start({ clock, apps: { wx1: { secret: SECRET } } });
  client = clientOf({ origins: [wechat.origin], clock });
});

afterEach(async () => {
  await client.close();
  await wechat.close();
});

type Ask = (signal?: AbortSignal) => Promise<unknown>;

const askStable: Ask = (signal = new AbortController().signal) => {
  const body = { grant_type: 'client_credential', appid: 'wx1', secret: SECRET, force_refresh: false };
  return client.request({ method: 'POST', path: '/cgi-bin/stable_token', body }, { signal, withToken: false });
};

const askPlain: Ask = (signal = new AbortController().signal) => {
  const query = { grant_type: 'client_credential', appid: 'wx1', secret: SECRET };
  return client.request({ method: 'GET', path: '/cgi-bin/token', query }, { signal, withToken: false });
};

describe.each([
  ['body', askStable],
  ['query', askPlain],
])('broken answers to a request with the secret in its %s', (_, ask) => {
  const broken: [string, FakeFault][] = [
    ['a connection reset', 'reset'],
    ['a connection lost after the work was done', 'lost'],
    ['HTML with status 200', 'html'],
    ['broken JSON', 'broken-json'],
    ['a body over 1 MiB', 'huge'],
    ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }],
    ['multiple choices', { status: 300, body: '{"access_token":"a","expires_in":7200}' }],
    ['a redirect whose body looks like an answer', { status: 301, body: '{"access_token":"a","expires_in":7200}' }],
    ['HTTP status 502', { status: 502 }],
    ['HTTP status 500 with JSON but without errcode', { status: 500, body: '{"access_token":"a","expires_in":7200}' }],
    ['HTTP status 404', { status: 404 }],
    ['HTTP status 403 with JSON but without errcode', { status: 403, body: '{"message":"denied"}' }],
    ['an empty body', { status: 200, body: '' }],
    ['an array', { status: 200, body: '[]' }],
    ['a string', { status: 200, body: '"ok"' }],
    ['null', { status: 200, body: 'null' }],
    ['an errcode that is no number', { answer: { errcode: 'none' } }],
    ['an errcode that is no integer', { answer: { errcode: 1.5 } }],
    ['an errcode that is null', { answer: { errcode: null } }],
  ];

  it.each(broken)('%s is UPSTREAM_UNAVAILABLE, retryable, and shows no secret', async (__, fault) => {
    wechat.fail('*', fault);
    const error = await failure(ask());
    expect(error).toMatchObject({ name: 'TokenError', code: 'UPSTREAM_UNAVAILABLE', retryable: true, hostOnly: false });
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ (broke|answered with (something|a redirect|HTTP status \d{3}))/);
    expect(error.retryAt).toBeUndefined();
    expect(error.errcode).toBeUndefined();
    expect(everythingShown(error)).not.toContain(SECRET);
    expect(wechat.countCalls()).toBe(1);
  });

  it.each<FakeFault>(['hang', 'drip'])('a request to a server with the fault %s ends after 6 s', async (fault) => {
    wechat.fail('*', fault);
    const outcome = failure(ask());
    await wechat.nextCall();
    await clock.advance(5_999);
    expect(await Promise.race([outcome, 'pending'])).toBe('pending');
    await clock.advance(1);
    const error = await outcome;
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, hostOnly: false });
    expect(error.message).toContain('6000 ms');
    expect(everythingShown(error)).not.toContain(SECRET);
  });
});
