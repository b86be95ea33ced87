import { defineConfig } from 'vitest/config';

/** Where the results go as JSON as well, for a script that counts them. */
const results = process.env['TEST_RESULTS'];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // The files share nothing but modules, which take longer to load than most of them to run.
    isolate: false,
    // A slow machine is no failure.
    expect: { poll: { timeout: 20_000 } },
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
});
