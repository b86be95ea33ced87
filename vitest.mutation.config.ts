import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The tests that Stryker runs against each mutant of the core: the fast ones only, in one module cache, which halves the time. */
const ALL = ['test/unit/core/**/*.test.ts', 'test/unit/wechat/*refreshers.test.ts'];

// One room is measured faster with only the tests that reach it, since a survivor costs all of their time:
//   MUTATION_TESTS='test/unit/core/calls/**/*.test.ts' npx stryker run --mutate 'src/core/calls/**/*.ts'
// A test that is left out, by MUTATION_WITHOUT for instance, can only lower the score.
const include = globs('MUTATION_TESTS') ?? ALL;
const exclude = globs('MUTATION_WITHOUT') ?? [];
// A mutant that leaves a promise pending costs this time.
const testTimeout = Number(process.env['MUTATION_TEST_TIMEOUT_MS'] ?? 10_000);

/** Starts the files of the first glob first: the first failure of a test ends the run of a mutant. */
class FirstGlobFirst extends BaseSequencer {
  override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    const folders = include.map((glob) => `/${glob.replace(/\*.*/, '')}`);
    const rankOf = ({ moduleId }: TestSpecification) => folders.findIndex((folder) => moduleId.includes(folder));
    return [...(await super.sort(specs))].sort((left, right) => rankOf(left) - rankOf(right));
  }
}

/** Returns the globs in an environment variable, which commas separate. */
function globs(variable: string): string[] | undefined {
  return process.env[variable]?.split(',').filter((glob) => glob !== '');
}

export default defineConfig({
  test: { include, exclude, testTimeout, isolate: false, sequence: { sequencer: FirstGlobFirst } },
});
