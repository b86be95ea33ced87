import { defineConfig } from 'vitest/config';

/** The tests that Stryker runs against each mutant of the core: the fast ones only, in one module cache, which halves the time. */
export default defineConfig({
  test: { include: ['test/unit/core/**/*.test.ts'], testTimeout: 10_000, isolate: false },
});
