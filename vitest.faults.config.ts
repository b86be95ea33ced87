import { defineConfig } from 'vitest/config';
import { longestFirst } from './scripts/longest-first.mjs';

const results = process.env.TEST_RESULTS;

/** Those that measure how soon a process goes on after it was stopped or a write after an answer have the machine for themselves. */
const TIMED = 'test/faults/{kill-random,stopped-holder}.test.ts';

/** What takes the longest, the longest first. */
const LONGEST = [
  'test/faults/power-cuts.test.ts',
  'test/faults/registration-fuzz.test.ts',
  'test/faults/fleet-holders.test.ts',
  'test/faults/rotation-fuzz.test.ts',
  'test/faults/fleet-outage.test.ts',
  'test/faults/kill-windows.test.ts',
  'test/faults/fleet-clocks.test.ts',
  'test/faults/wrong-clocks.test.ts',
  'test/faults/fleet-failover.test.ts',
];

const project = (name: string, include: string, order: number, more: { exclude?: string[]; maxWorkers: number }) => ({
  extends: true as const,
  test: { name, include: [include], sequence: { groupOrder: order }, ...more },
});

/** Crashes, full disks, power cuts, wrong clocks: minutes of real processes, most of which wait. See docs/reliability.md. */
export default defineConfig({
  test: {
    projects: [
      project('faults', 'test/faults/**/*.test.ts', 0, { exclude: [TIMED], maxWorkers: 2 }),
      project('timed', TIMED, 1, { maxWorkers: 1 }),
    ],
    sequence: { sequencer: longestFirst(LONGEST) },
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 240_000,
    hookTimeout: 60_000,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
});
