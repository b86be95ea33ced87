import { describe, expect, test } from 'vitest';
import { Meters } from '../../../../src/core/engine/meters.js';
import { TokenError } from '../../../../src/core/model/errors.js';
import { Events } from '../../../../src/core/model/events.js';
import type { Upstream } from '../../../../src/core/model/refresher.js';
import type { Counter } from '../../../../src/core/primitives/counters.js';
import { FakeClock } from '../../../../src/testing/index.js';

const KEY = { appid: 'wx', type: 'access_token', subject: undefined };

describe('meters of events', () => {
  function listening(): { events: Events; meters: Meters } {
    const events = new Events();
    const meters = new Meters();
    meters.listen(events);
    return { events, meters };
  }

  const countOf = (counter: Counter, labels: object): number | undefined =>
    [...counter.counts()].find((count) => JSON.stringify(count.labels) === JSON.stringify(labels))?.value;

  test('meters count new tokens by type, source and reason', () => {
    const { events, meters } = listening();
    const record = {} as never;
    events.emit('refreshed', { ...KEY, record, source: 'upstream', reason: 'due' });
    events.emit('refreshed', { ...KEY, record, source: 'upstream', reason: 'due' });
    events.emit('refreshed', { ...KEY, record, source: 'store', reason: undefined });
    expect([...meters.refreshes.counts()]).toEqual([
      { labels: { type: 'access_token', source: 'upstream', reason: 'due' }, value: 2 },
      { labels: { type: 'access_token', source: 'store', reason: undefined }, value: 1 },
    ]);
  });

  test('meters count failures by code, and the invented codes of a refresher as OTHER', () => {
    const { events, meters } = listening();
    for (const code of ['QUOTA_EXHAUSTED', 'QUOTA_EXHAUSTED', 'my-secret', '__proto__']) {
      events.emit('refreshFailed', { ...KEY, error: new TokenError(code, ''), attempt: 1, retryAt: 0 });
    }
    expect(countOf(meters.refreshFailures, { code: 'QUOTA_EXHAUSTED' })).toBe(2);
    expect(countOf(meters.refreshFailures, { code: 'OTHER' })).toBe(2);
    expect(JSON.stringify([...meters.refreshFailures.counts()])).not.toMatch(/my-secret|__proto__/);
  });

  test('meters count deliveries by outcome', () => {
    const { events, meters } = listening();
    const error = new TokenError('UPSTREAM_UNAVAILABLE', '');
    events.emit('delivered', { ...KEY, version: 1, attempt: 1 });
    events.emit('deliveryFailed', { ...KEY, version: 1, error, attempt: 1, retryAt: undefined });
    events.emit('deliveryFailed', { ...KEY, version: 1, error, attempt: 2, retryAt: undefined });
    expect([...meters.deliveries.counts()].map(({ value }) => value)).toEqual([1, 2]);
  });
});

describe('a timed upstream', () => {
  const options = { signal: new AbortController().signal, withToken: false };
  const request = { method: 'GET', path: '/x' } as const;

  function timed(answer: () => Promise<Record<string, never>>): {
    upstream: Upstream;
    meters: Meters;
    clock: FakeClock;
  } {
    const meters = new Meters();
    const clock = new FakeClock();
    const asks = async (): Promise<Record<string, never>> => {
      await clock.advance(300);
      return answer();
    };
    return { upstream: meters.timed({ request: asks, close: async () => {} }, clock), meters, clock };
  }

  test('a timed upstream answers as the upstream does, and records the duration', async () => {
    const { upstream, meters } = timed(async () => ({}));
    expect(await upstream.request(request, options)).toEqual({});
    const histogram = meters.requests.get('answered');
    expect(histogram?.sum).toBe(0.3);
    expect(histogram?.counts[histogram.bounds.indexOf(0.5)]).toBe(1);
  });

  test.each([
    [new TokenError('UPSTREAM_REJECTED', 'no'), 'UPSTREAM_REJECTED'],
    [new TokenError('MADE_UP', 'no'), 'OTHER'],
    [new TypeError('path must begin with /'), 'OTHER'],
  ])('a timed upstream fails as the upstream does, and records %s as %s', async (error, outcome) => {
    const { upstream, meters } = timed(() => Promise.reject(error));
    await expect(upstream.request(request, options)).rejects.toBe(error);
    expect(meters.requests.get(outcome)?.sum).toBe(0.3);
    expect(meters.requests.get('answered')?.sum).toBe(0);
  });

  test('a timed upstream closes the upstream', async () => {
    let closed = 0;
    const upstream: Upstream = { request: async () => ({}), close: async () => void closed++ };
    await new Meters().timed(upstream, new FakeClock()).close();
    expect(closed).toBe(1);
  });
});
