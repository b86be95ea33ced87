import { expect, test } from 'vitest';
import { fuzzRegistrations } from '../support/worlds/registration-fuzz.js';

/** The first seed; the unit tests run those before it. */
const FIRST_SEED = 1_000;

test.each([
  { fleet: false, seeds: 4_000 },
  { fleet: true, seeds: 1_000 },
])(
  'I4: managers on a slow store agree with it in the end, with $seeds seeds (fleet: $fleet)',
  async ({ fleet, seeds }) => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
      expect([seed, await fuzzRegistrations(seed, fleet)]).toEqual([seed, []]);
    }
  },
  900_000,
);
