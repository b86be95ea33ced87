import { describe, expect, it } from 'vitest';
import { checksFor } from '../../scripts/check.mjs';

const namesOf = (names: string[]): string[][] => checksFor(names).map((group) => group.map(({ name }) => name));

describe('the checks before a merge', () => {
  it('a named check that needs the output of the build runs after the build', () => {
    expect(namesOf(['api'])).toEqual([['build'], ['api']]);
    expect(namesOf(['words', 'pack', 'build'])).toEqual([['build', 'words'], ['pack']]);
  });

  it('a named check that does not need the output of the build runs alone', () => {
    expect(namesOf(['lock', 'lint'])).toEqual([['lint', 'lock'], []]);
  });

  it('without a name all checks run, and the build begins first', () => {
    const [before = [], after = []] = namesOf([]);
    expect(before).toEqual(['build', 'lint', 'knip', 'readme', 'words', 'lock']);
    expect(after).toEqual(['coverage', 'typecheck', 'consumers', 'api', 'reference', 'exports', 'pack']);
  });

  it('a name that no check has is an error', () => {
    expect(() => checksFor(['lint', 'unit'])).toThrow('no such check: unit');
  });
});
