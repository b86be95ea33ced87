import { defineConfig } from 'vitest/config';

/** The tests that Stryker runs against each mutant of the core: the fast ones only, in one module cache, which halves the time. */
const include = ['test/unit/core/**/*.test.ts', 'test/unit/wechat/*refreshers.test.ts'];

export default defineConfig({
  test: { include, testTimeout: 10_000, isolate: false },
});
