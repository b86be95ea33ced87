import { defineConfig } from 'vitest/config';
import { embedPage } from './scripts/embed-page.mjs';

const results = process.env.TEST_RESULTS;

/** What needs a program beside Node: databases, a browser, fleets of processes. Each test starts its own on spare ports. */
export default defineConfig({
  plugins: [embedPage()],
  test: {
    include: ['test/servers/**/*.test.ts', 'test/stores/**/*.test.ts'],
    provide: { servers: true },
    maxWorkers: 2,
    expect: { poll: { timeout: 20_000 } },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
});
