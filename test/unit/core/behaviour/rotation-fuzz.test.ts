import { expect, test } from 'vitest';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { fuzzRotations } from '../../../support/worlds/rotation-fuzz.js';

/** `npm run faults` runs many more. */
const SEEDS = Array.from({ length: 8 }, (_, index) => index);

test('I3: the newest acknowledged refresh token is never lost, whatever is put, refreshed and restored', async () => {
  for (const seed of SEEDS) {
    expect([seed, await fuzzRotations(seed, isFleet)]).toEqual([seed, []]);
  }
});
