import { beforeEach, describe, expect, test } from 'vitest';
import { CircuitBreaker, type SentCommand } from '../../../../src/core/store/circuit-breaker.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

let clock: FakeClock;
let gate: CircuitBreaker;

beforeEach(() => {
  clock = new FakeClock();
  gate = new CircuitBreaker(clock);
});

/** What many callers get sent now. */
function sendAll(): SentCommand[] {
  const sent: SentCommand[] = [];
  for (let caller = 0; caller < 1_000 && gate.allows(); caller++) sent.push(gate.send());
  return sent;
}

/** So many commands of which none is answered. */
async function hang(count: number): Promise<SentCommand[]> {
  const sent = Array.from({ length: count }, () => {
    expect(gate.allows()).toBe(true);
    return gate.send();
  });
  await clock.advance(2_000);
  for (const command of sent) command.abandon();
  return sent;
}

describe('a store that hangs', () => {
  test.each([
    [1, 3],
    [2, 2],
    [3, 1],
    [4, 1],
    [5, 1],
    [900, 1],
  ])('a hanging store that owes %i answers gets %i more commands, the one above 4 as a probe', async (owed, more) => {
    await hang(owed);
    expect(sendAll()).toHaveLength(more);
    expect(sendAll()).toHaveLength(0);
  });

  test.each([
    [1_999, 0],
    [2_000, 1],
    [9_000, 1],
  ])('a hanging store gets, %i ms after the last command, %i more when what it owes never comes', async (ms, more) => {
    await hang(4);
    expect(sendAll()).toHaveLength(1);
    await clock.advance(ms);
    expect(sendAll()).toHaveLength(more);
  });

  test('a hanging store gets a probe although releases are sent all the time', async () => {
    await hang(4);
    expect(sendAll()).toHaveLength(1);
    await clock.advance(1_999);
    gate.send();
    await clock.advance(1);
    expect(sendAll()).toHaveLength(1);
  });

  test('a hanging store that was sent nothing but releases may be asked at once', async () => {
    const releases = Array.from({ length: 4 }, () => gate.send());
    for (const release of releases) release.abandon();
    expect(sendAll()).toHaveLength(1);
  });

  test('the circuit is open since the first command that was not answered', async () => {
    gate.send().settle();
    await clock.advance(3_600_000);
    expect(gate.openForMs).toBe(0);
    const first = gate.send();
    await clock.advance(500);
    const second = gate.send();
    await clock.advance(1_499);
    expect(gate.openForMs).toBe(0);
    await clock.advance(1);
    first.abandon();
    expect(gate.openForMs).toBe(2_000);
    await clock.advance(500);
    second.abandon();
    expect(gate.openForMs).toBe(2_500);
  });
});

describe('CircuitBreaker: a store that recovers', () => {
  test('the circuit closes once a command is settled in time', async () => {
    await hang(900);
    const [probe] = sendAll();
    expect(probe?.settle()).toBe(false);
    expect(gate.openForMs).toBe(0);
    expect(sendAll()).toHaveLength(1_000);
  });

  test('the circuit closes once one of many abandoned commands is settled', async () => {
    const [first] = await hang(900);
    expect(first?.settle()).toBe(true);
    expect(gate.openForMs).toBe(0);
    expect(sendAll()).toHaveLength(1_000);
  });

  test('a command sent before the circuit closed and abandoned later does not open it', async () => {
    const [first] = await hang(4);
    const [probe] = sendAll();
    await clock.advance(100);
    first?.settle();
    await clock.advance(1_900);
    probe?.abandon();
    expect(gate.openForMs).toBe(0);
  });
});

describe('a store that is slow', () => {
  test('a slow store is trusted once, then only for a command that is settled in time', async () => {
    const [late] = await hang(1);
    late?.settle();
    const slow = await hang(6);
    for (const command of slow.slice(0, 4)) command.settle();
    expect(gate.openForMs).toBe(2_000);
    const more = sendAll();
    expect(more).toHaveLength(2);
    more[0]?.settle();
    expect(gate.openForMs).toBe(0);
    const [again] = await hang(1);
    again?.settle();
    expect(gate.openForMs).toBe(0);
  });

  test('a store that is slow now and then, but settles other commands meanwhile, does not hang', async () => {
    const slow = gate.send();
    gate.send().settle();
    await clock.advance(2_000);
    slow.abandon();
    expect(gate.openForMs).toBe(0);
    slow.settle();
    const [late] = await hang(1);
    late?.settle();
    expect(gate.openForMs, 'a late one that opened nothing cost no trust').toBe(0);
  });
});

test('a circuit breaker is idle when its store owes nothing and does not hang', async () => {
  expect(gate.isIdle).toBe(true);
  const command = gate.send();
  expect(gate.isIdle).toBe(false);
  command.settle();
  expect(gate.isIdle).toBe(true);
  const [first, second] = await hang(2);
  first?.settle();
  expect(gate.isIdle).toBe(false);
  second?.settle();
  expect(gate.isIdle).toBe(true);
  const [third] = await hang(1);
  third?.settle();
  expect(gate.isIdle, 'trusted no more').toBe(false);
});
