import { expect, test } from 'vitest';
import { fuzzRegistrations } from '../support/registration-fuzz.js';

/** The unit tests run the seeds from 0 to 99. */
test.each([
  { fleet: false, first: 100, seeds: 1_300 },
  { fleet: true, first: 1_000, seeds: 1_000 },
])(
  'I4: $seeds times managers on a slow store agree with it in the end (fleet: $fleet)',
  async ({ fleet, first, seeds }) => {
    for (let seed = first; seed < first + seeds; seed++) {
      expect([seed, await fuzzRegistrations(seed, fleet)]).toEqual([seed, []]);
    }
  },
  900_000,
);
