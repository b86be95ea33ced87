import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { embedPage } from './scripts/embed-page.mjs';
import { longestFirst } from './scripts/longest-first.mjs';

/** Where the results go as JSON as well, for a script that counts them. */
const results = process.env.TEST_RESULTS;

/** What only computes: simulated lives on a fake clock, without I/O. */
const CORE = 'test/unit/core/**/*.test.ts';
/** What says by itself which stores it runs on: on a shared schedule it would do the same once more. */
const BOTH_SCHEDULES = ['test/unit/core/behaviour/replaced-under-way.test.ts'];
/** What replaces modules or patches sockets, and what must see a module loaded for the first time. */
const ALONE = [
  'test/unit/http-clients.test.ts',
  'test/unit/stores/file/file-failure.test.ts',
  'test/unit/stores/file/stalls.test.ts',
  'test/unit/stores/file/watch.test.ts',
  'test/unit/stores/redis/change-subscription.test.ts',
  'test/unit/wechat/client.test.ts',
  'test/unit/wechat/load-undici.test.ts',
];

/** What takes the longest of its project, the longest first. */
const LONGEST = [
  'test/e2e/serve-restart.test.ts',
  'test/e2e/processes.test.ts',
  'test/stores/serve-stores.test.ts',
  'test/e2e/serve-output.test.ts',
  'test/e2e/serve-pushes.test.ts',
  'test/e2e/release-check.test.ts',
  'test/e2e/rotating-types.test.ts',
  'test/e2e/serve.test.ts',
  'test/e2e/fleet-examples.test.ts',
  'test/e2e/serve-packages.test.ts',
  'test/e2e/serve-encryption.test.ts',
  'test/e2e/platform-commands.test.ts',
  'test/e2e/secrets.test.ts',
  'test/e2e/serve-forwarding.test.ts',
  'test/stores/upgrade.test.ts',
  'test/e2e/old-clients.test.ts',
  'test/e2e/crash-loops.test.ts',
  'test/e2e/serve-merchants.test.ts',
  'test/e2e/command-line.test.ts',
  'test/unit/core/behaviour/replaced-under-way.test.ts',
  'test/unit/core/behaviour/rotating.test.ts',
  'test/unit/core/behaviour/next-attempt.test.ts',
  'test/unit/cli/serve/worker/http-front.test.ts',
  'test/unit/stores/file/rivals.test.ts',
  'test/unit/http/handler.test.ts',
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
    sequence: { sequencer: longestFirst(LONGEST) },
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
    projects: [
      together('core', 60_000, [CORE]),
      // The same behaviour, on a store whose schedule a fleet shares.
      together('fleet', 120_000, ['test/unit/core/behaviour/**/*.test.ts'], { exclude: BOTH_SCHEDULES, fleet: true }),
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
