import { defineConfig } from 'vitest/config';

/** The tests that Stryker runs against each mutant of the core: the fast ones only. */
export default defineConfig({
  test: { include: ['test/unit/core/**/*.test.ts'], testTimeout: 10_000 },
});
