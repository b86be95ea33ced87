import { describe, expect, test } from 'vitest';
import type { Refusal } from '../../../../src/http/access/refusal.js';
import { RefusedPeers, type RefusedRequests } from '../../../../src/http/access/refused-peers.js';
import { FakeClock } from '../../../../src/testing/index.js';

const WRONG_KEY: Refusal = { status: 401, reason: 'unknownKey', message: 'no' };
const PEER = '203.0.113.9';

function refusing(): { clock: FakeClock; peers: RefusedPeers; refuse: (peer?: string, times?: number) => number[] } {
  const clock = new FakeClock();
  const peers = new RefusedPeers(clock);
  const refuse = (peer = PEER, times = 1): number[] =>
    Array.from({ length: times }, () => peers.refuse(peer, WRONG_KEY).status);
  return { clock, peers, refuse };
}

const countOf = (peers: RefusedPeers, reason: string): number =>
  [...peers.counter.counts()].find(({ labels }) => labels['reason'] === reason)?.value ?? 0;

describe('refusals of a peer', () => {
  test('a peer has 20 refusals at once and then one a second', async () => {
    const { clock, peers, refuse } = refusing();
    expect(refuse(PEER, 20)).toEqual(Array(20).fill(401));
    expect(peers.refuse(PEER, WRONG_KEY)).toMatchObject({ status: 429, reason: 'throttled', retryAfterSeconds: 1 });
    await clock.advance(999);
    expect(refuse()).toEqual([429]);
    await clock.advance(1);
    expect(refuse(PEER, 2)).toEqual([401, 429]);
    await clock.advance(20_000);
    expect(refuse(PEER, 21)).toEqual([...Array(20).fill(401), 429]);
    expect([countOf(peers, 'unknownKey'), countOf(peers, 'throttled')]).toEqual([41, 4]);
  });

  test('an IPv6 peer shares its refusals with its whole network, and with no other peer', () => {
    const { refuse } = refusing();
    refuse('2001:db8::1', 20);
    expect([refuse('2001:db8::2'), refuse('2001:db8:0:1::1'), refuse()]).toEqual([[429], [401], [401]]);
  });

  test('a refusal can be reserved before a request is judged, and released', () => {
    const { peers, refuse } = refusing();
    refuse(PEER, 18);
    expect([peers.reserve(PEER), peers.reserve(PEER), peers.reserve(PEER)]).toEqual([true, true, false]);
    expect(refuse()).toEqual([429]);
    peers.release(PEER);
    expect(peers.refuseReserved(PEER, WRONG_KEY)).toBe(WRONG_KEY);
    expect(refuse(PEER, 2)).toEqual([401, 429]);
    expect([countOf(peers, 'unknownKey'), countOf(peers, 'throttled')]).toEqual([20, 2]);
    expect(peers.reserve('203.0.113.10')).toBe(true);
  });

  test('a reserved refusal is released to peers that share a limit too', () => {
    const { peers, refuse } = refusing();
    for (let index = 0; index < 10_000; index++) refuse(`10.0.${index >> 8}.${index & 255}`);
    refuse('198.51.100.1', 19);
    expect([peers.reserve('198.51.100.2'), peers.reserve('198.51.100.2')]).toEqual([true, false]);
    peers.release('198.51.100.2');
    expect(peers.reserve('198.51.100.3')).toBe(true);
  });

  test.each<Refusal>([
    { status: 403, reason: 'browser', message: 'no' },
    { status: 401, reason: 'noKey', message: 'no' },
  ])('a refusal for a reason other than a guess uses up no refusals: $reason', (refusal) => {
    const { peers, refuse } = refusing();
    for (let times = 0; times < 100; times++) expect(peers.refuse(PEER, refusal)).toBe(refusal);
    expect(refuse(PEER, 21)).toEqual([...Array(20).fill(401), 429]);
    expect(peers.refuse(PEER, refusal)).toBe(refusal);
    expect(countOf(peers, refusal.reason)).toBe(101);
  });
});

describe('memory of refused peers', () => {
  const addressOf = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

  test('the number of remembered peers is bounded, and further peers share one limit', async () => {
    const { clock, peers, refuse } = refusing();
    refuse(PEER, 20);
    for (let index = 0; index < 9_999; index++) refuse(addressOf(index));
    expect(peers.size).toBe(10_000);
    expect(refuse('198.51.100.1', 20)).toEqual(Array(20).fill(401));
    expect(refuse('198.51.100.2')).toEqual([429]);
    expect(refuse(PEER)).toEqual([429]);
    await clock.advance(20_000);
    expect(refuse('198.51.100.2')).toEqual([401]);
    expect(peers.size).toBe(10_000);
  });
});

describe('reports of refusals', () => {
  function reporting() {
    const world = refusing();
    const reports: RefusedRequests[] = [];
    world.peers.onReport = (report) => void reports.push(report);
    return { ...world, reports };
  }

  test('a report is made for the first refusal, at the limit and every ten minutes after that', async () => {
    const { clock, reports, refuse } = reporting();
    refuse(PEER, 500);
    expect(reports).toEqual([
      { peer: PEER, reason: 'unknownKey', count: 1, suppressed: 0 },
      { peer: PEER, reason: 'throttled', count: 20, suppressed: 0 },
    ]);
    await clock.advance(599_999);
    refuse();
    expect(reports).toHaveLength(2);
    await clock.advance(1);
    refuse();
    expect(reports.slice(2)).toEqual([{ peer: PEER, reason: 'unknownKey', count: 481, suppressed: 0 }]);
  });

  test('many peers cause few reports, which count those that were left out', async () => {
    const { clock, reports, refuse } = reporting();
    for (let index = 0; index < 100; index++) refuse(`10.0.0.${index}`);
    expect(reports).toHaveLength(30);
    await clock.advance(2_000);
    refuse('10.0.1.1');
    expect(reports[30]).toEqual({ peer: '10.0.1.1', reason: 'unknownKey', count: 1, suppressed: 70 });
  });

  test('a report names no peer when the connection has no address', () => {
    const { reports, peers } = reporting();
    peers.refuse(undefined, WRONG_KEY);
    expect(reports).toEqual([{ peer: undefined, reason: 'unknownKey', count: 1, suppressed: 0 }]);
  });
});
