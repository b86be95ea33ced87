import { expect, test } from 'vitest';
import type { Settled } from '../../../../src/core/registry/registration-writer.js';
import { StandingRegistration } from '../../../../src/core/registry/standing-registration.js';
import { FakeClock } from '../../../../src/testing/index.js';

const LEASE_MS = 20_000;
const versions = (...all: number[]) => all.map((version, index) => ({ id: `task/${index}`, version }) as Settled);

function standing(clock: FakeClock, reads: (readonly Settled[] | undefined)[]) {
  return new StandingRegistration(clock, async () => (reads.length > 1 ? reads.shift() : reads[0]));
}

test('a registration is relied on once its documents have kept their versions for as long as a lease lasts', async () => {
  const clock = new FakeClock();
  const settled = versions(1, 2);
  const registration = standing(clock, [settled]);
  expect(await registration.look()).toEqual({ settled, isReliable: false });
  await clock.advance(LEASE_MS - 1);
  expect((await registration.look())?.isReliable).toBe(false);
  await clock.advance(1);
  expect(await registration.look()).toEqual({ settled, isReliable: true });
});

test('a registration is waited for anew when a document has another version', async () => {
  const clock = new FakeClock();
  const registration = standing(clock, [versions(1, 2), versions(1, 3), versions(1, 3)]);
  await registration.look();
  await clock.advance(LEASE_MS);
  expect((await registration.look())?.isReliable).toBe(false);
  await clock.advance(LEASE_MS);
  expect((await registration.look())?.isReliable).toBe(true);
});

test('a registration is not relied on for the time that its first read took', async () => {
  const clock = new FakeClock();
  let isFirst = true;
  const registration = new StandingRegistration(clock, async () => {
    if (isFirst) await clock.advance(1_000);
    isFirst = false;
    return versions(1);
  });
  await registration.look();
  await clock.advance(LEASE_MS - 1);
  expect((await registration.look())?.isReliable).toBe(false);
});

test('a registration with a document that would have to be written is not standing', async () => {
  expect(await standing(new FakeClock(), [undefined]).look()).toBeUndefined();
});
