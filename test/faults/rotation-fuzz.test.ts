import { expect, test } from 'vitest';
import { fuzzRotations } from '../support/worlds/rotation-fuzz.js';

/** The first seed; the unit tests run those before it. */
const FIRST_SEED = 1_000;

test.each([
  { fleet: false, seeds: 500 },
  { fleet: true, seeds: 500 },
])(
  'I3: the newest acknowledged refresh token is never lost, with $seeds seeds (fleet: $fleet)',
  async ({ fleet, seeds }) => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
      expect([seed, await fuzzRotations(seed, fleet)]).toEqual([seed, []]);
    }
  },
  900_000,
);
