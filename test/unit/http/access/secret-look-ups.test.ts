import { expect, test } from 'vitest';
import { SecretLookUps } from '../../../../src/http/access/secret-look-ups.js';
import { FakeClock } from '../../../../src/testing/index.js';

function looking(found = { isKnown: false, opens: false }) {
  const clock = new FakeClock();
  const lookUps = new SecretLookUps(clock);
  const looked: string[] = [];
  const opens = (appid: string, hash = 'h') =>
    lookUps.opens(appid, hash, async () => {
      looked.push(`${appid} ${hash}`);
      return found;
    });
  return { clock, lookUps, looked, opens };
}

test('at most 20 look-ups are made in vain in a second', async () => {
  const { clock, looked, opens } = looking();
  for (let index = 0; index < 20; index++) expect(await opens(`wx${index}`)).toBe(false);
  expect(await opens('wx-more')).toMatchObject({ status: 429, reason: 'throttled', retryAfterSeconds: 1 });
  await clock.advance(49);
  expect(await opens('wx-more')).toMatchObject({ status: 429 });
  await clock.advance(1);
  expect(await opens('wx-more')).toBe(false);
  expect(looked).toHaveLength(21);
});

test('the right secrets of any number of apps are looked up, as after a restart', async () => {
  const { looked, opens } = looking({ isKnown: true, opens: true });
  for (let index = 0; index < 100; index++) expect(await opens(`wx${index}`)).toBe(true);
  expect(looked).toHaveLength(100);
});

test.each([
  [29_999, 1],
  [30_000, 2],
  [30_001, 2],
])('an unknown app is not looked up again within 30 s: after %i ms there were %i look-ups', async (ms, looks) => {
  const { clock, looked, opens } = looking();
  await opens('wx', 'one');
  await clock.advance(ms);
  expect(await opens('wx', 'another')).toBe(false);
  expect(looked).toHaveLength(looks);
});

test('a wrong secret of a known app is remembered for that secret alone', async () => {
  const { looked, opens } = looking({ isKnown: true, opens: false });
  for (const hash of ['one', 'one', 'two']) expect(await opens('wx', hash)).toBe(false);
  expect(looked).toEqual(['wx one', 'wx two']);
});

test('a right secret is not remembered, and misses are forgotten in time', async () => {
  const right = looking({ isKnown: true, opens: true });
  expect([await right.opens('wx'), await right.opens('wx'), right.looked.length]).toEqual([true, true, 2]);
  const { clock, lookUps, opens } = looking();
  for (let second = 0; second < 120; second++) {
    for (let index = 0; index < 40; index++) await opens(`wx${second}-${index}`);
    expect(lookUps.size).toBeLessThanOrEqual(620);
    await clock.advance(1_000);
  }
});

test('simultaneous requests with the same secret share one look-up', async () => {
  const { lookUps, looked, opens } = looking({ isKnown: true, opens: true });
  const asked = Array.from({ length: 50 }, () => opens('wx', 'one'));
  expect([lookUps.isUnderWay('wx', 'one'), lookUps.isUnderWay('wx', 'two')]).toEqual([true, false]);
  expect(await Promise.all(asked)).toEqual(Array(50).fill(true));
  expect([looked.length, lookUps.isUnderWay('wx', 'one')]).toEqual([1, false]);
});

test('a failed look-up fails all that share it, and the next one is made anew', async () => {
  const lookUps = new SecretLookUps(new FakeClock());
  const failing = () => lookUps.opens('wx', 'h', async () => Promise.reject(new Error('away')));
  const settled = await Promise.allSettled([failing(), failing()]);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await lookUps.opens('wx', 'h', async () => ({ isKnown: true, opens: true }))).toBe(true);
});
