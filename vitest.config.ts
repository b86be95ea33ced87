import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { embedPage } from './scripts/embed-page.mjs';

/** Where the results go as JSON as well, for a script that counts them. */
const results = process.env.TEST_RESULTS;

const project = (name: string, testTimeout: number, ...more: string[]) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`, ...more], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  plugins: [embedPage()],
  test: {
    // On two cores the default is one, and many tests wait more than they work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A slow machine is no failure.
    expect: { poll: { timeout: 20_000 } },
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
    projects: [
      project('unit', 60_000),
      {
        extends: true,
        // The same behaviour, on a store whose schedule a fleet shares.
        test: {
          name: 'fleet',
          include: ['test/unit/core/behaviour/**/*.test.ts'],
          testTimeout: 120_000,
          provide: { fleet: true },
        },
      },
      project('contract', 120_000, 'test/stores/sql-*.test.ts'),
      {
        extends: true,
        // Whole processes, when everything that computes is done: they wait more than they work.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/stores/{serve-stores,upgrade}.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            checker: 'tsc',
            include: ['test/types/*.test-d.ts'],
            tsconfig: 'tsconfig.types.json',
          },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html', 'json-summary'],
      reportsDirectory: 'coverage',
      thresholds: {
        'src/core/**': { branches: 95 },
        'src/wechat/**': { branches: 95 },
      },
    },
  },
});
