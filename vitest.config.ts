import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { embedPage } from './scripts/embed-page.mjs';

/** Where the results go as JSON as well, for a script that counts them. */
const results = process.env.TEST_RESULTS;

/** What only computes: simulated lives on a fake clock, without I/O. */
const CORE = 'test/unit/core/**/*.test.ts';
/** What replaces modules or patches sockets, and what must see a module loaded for the first time. */
const ALONE = [
  'test/unit/http-clients.test.ts',
  'test/unit/stores/file-failure.test.ts',
  'test/unit/stores/file-stalls.test.ts',
  'test/unit/stores/file-watch.test.ts',
  'test/unit/wechat/client.test.ts',
  'test/unit/wechat/lazy-client.test.ts',
];

/** A process runs one of its files after the other with one module cache: importing the library takes longer than most of them. */
const together = (
  name: string,
  testTimeout: number,
  include: string[],
  more: { exclude?: string[]; fleet?: boolean } = {},
) => {
  const { exclude = [], fleet = false } = more;
  const provide = { fleet };
  return {
    extends: true as const,
    test: { name, include, exclude, testTimeout, hookTimeout: testTimeout, isolate: false, provide },
  };
};

export default defineConfig({
  plugins: [embedPage()],
  test: {
    // On two cores the default is one, and many tests wait more than they work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // A slow machine is no failure.
    expect: { poll: { timeout: 20_000 } },
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
    projects: [
      together('core', 60_000, [CORE]),
      // The same behaviour, on a store whose schedule a fleet shares.
      together('fleet', 120_000, ['test/unit/core/behaviour/**/*.test.ts'], { fleet: true }),
      together('unit', 60_000, ['test/unit/**/*.test.ts'], { exclude: [CORE, ...ALONE] }),
      together('contract', 120_000, ['test/contract/**/*.test.ts', 'test/stores/sql-*.test.ts']),
      // Each of its files has a process of its own.
      { extends: true, test: { name: 'alone', include: ALONE, testTimeout: 60_000, hookTimeout: 60_000 } },
      {
        extends: true,
        // Whole processes, when everything that computes is done: they wait more than they work, so that more than the
        // machine has cores run at a time.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts', 'test/stores/{serve-stores,upgrade}.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2 * availableParallelism(),
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
