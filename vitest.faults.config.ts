import { defineConfig } from 'vitest/config';

const results = process.env.TEST_RESULTS;

/** Crashes, full disks, power cuts, wrong clocks: minutes of real processes, one file at a time. See docs/reliability.md. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    fileParallelism: false,
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 240_000,
    hookTimeout: 60_000,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
});
