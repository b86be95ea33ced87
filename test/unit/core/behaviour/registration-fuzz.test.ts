import { expect, test } from 'vitest';
import { isFleet } from '../../../support/worlds/fleet-mode.js';
import { fuzzRegistrations } from '../../../support/worlds/registration-fuzz.js';

/** `npm run faults` runs many more. */
const SEEDS = Array.from({ length: 40 }, (_, index) => index);

test('I4: managers on a slow store that register, unregister and start at random agree with it in the end', async () => {
  for (const seed of SEEDS) {
    expect([seed, await fuzzRegistrations(seed, isFleet)]).toEqual([seed, []]);
  }
});
