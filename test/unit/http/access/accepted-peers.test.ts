import { expect, test } from 'vitest';
import { AcceptedPeers } from '../../../../src/http/access/accepted-peers.js';
import { FakeClock } from '../../../../src/testing/index.js';

const from = (peer: string, connection: object = {}) => ({ peer, connection });

test.each([
  [59_999, true],
  [60_000, false],
  [60_001, false],
])('a peer counts as recent for a minute after its accepted request: after %i ms, %s', async (ms, isRecent) => {
  const clock = new FakeClock();
  const peers = new AcceptedPeers(clock);
  expect(peers.isRecent('2001:db8::/64')).toBe(false);
  peers.note(from('2001:db8::7'));
  await clock.advance(ms);
  expect(peers.isRecent('2001:db8::/64')).toBe(isRecent);
});

test('repeated requests keep a peer recent, and requests of other peers do not hide it', async () => {
  const clock = new FakeClock();
  const peers = new AcceptedPeers(clock);
  for (let seconds = 0; seconds < 120; seconds++) {
    peers.note(from('10.0.0.1'));
    peers.note(from('10.0.0.2'));
    await clock.advance(1_000);
  }
  expect([peers.isRecent('10.0.0.1'), peers.isRecent('10.0.0.2'), peers.isRecent('10.0.0.3')]).toEqual([
    true,
    true,
    false,
  ]);
});

test('only the latest 10,000 peers are remembered', () => {
  const peers = new AcceptedPeers(new FakeClock());
  for (let index = 0; index <= 10_000; index++) peers.note(from(`10.0.${index >> 8}.${index & 255}`));
  const asked = ['10.0.0.0', '10.0.3.231', '10.0.3.232', '10.0.39.16'];
  expect(asked.map((network) => peers.isRecent(network))).toEqual([false, false, true, true]);
});

test('a connection is remembered with its first accepted request, and others of the same peer are not', () => {
  const peers = new AcceptedPeers(new FakeClock());
  const [one, other] = [{}, {}];
  peers.note(from('10.0.0.1', one));
  expect([one, other].map((connection) => peers.hasConnection(connection))).toEqual([true, false]);
});
