import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  checkedFiles,
  findIdioms,
  findOpenings,
  findWords,
  IDIOMS,
  OPENINGS,
  WORDS,
} from '../../scripts/check-words.mjs';

describe('findWords', () => {
  test.each(WORDS)('findWords finds "%s" in upper and lower case, with its line', (word) => {
    const shouted = word.toUpperCase();
    expect(findWords(`the first line\n// ${shouted}, "${word}" and ${word}-like`)).toEqual(
      [shouted, word, word].map((found) => ({ line: 2, word: found })),
    );
  });

  test('findWords ignores words that only contain one of the list', () => {
    expect(findWords('the history of this help, when they ache: WHERE, Chimera, Himalaya')).toEqual([]);
  });

  test.each(WORDS)('findWords ignores "%s" as part of a name', (word) => {
    expect(findWords(`${word}s a${word} ${word}_id _${word} ${word}2 é${word} ${word}é`)).toEqual([]);
  });
});

test.each(IDIOMS)('findIdioms finds "%s", with its line, and not as part of other words', (idiom) => {
  expect(findIdioms(`a lease\n// It ${idiom} then.\n${idiom}x`)).toEqual([{ line: 2, word: idiom }]);
});

describe('findOpenings', () => {
  test.each(OPENINGS)('findOpenings finds a doc comment that begins with "%s", on one line or several', (word) => {
    const program = `const a = 1;\n/** ${word} is meant. */\nconst b = 2;\n  /**\n   * ${word} is meant.\n   */\n`;
    expect(findOpenings(program)).toEqual([
      { line: 2, word },
      { line: 4, word },
    ]);
  });

  test.each([
    '/** Whether it is due. */',
    '/** Returns what is meant. */',
    '// What is meant.',
    '/* How it works. */',
    '/** Thats a name. */',
  ])('findOpenings finds nothing in %s', (comment) => {
    expect(findOpenings(comment)).toEqual([]);
  });
});

test('the check covers the folders and the documents, but not lock files nor its own list', () => {
  const files = checkedFiles(fileURLToPath(new URL('../..', import.meta.url)));
  expect(files).toEqual(
    expect.arrayContaining(['src/index.ts', 'test/unit/check-words.test.ts', 'scripts/check.mjs', 'SECURITY.md']),
  );
  expect(files.filter((file) => /node_modules|package-lock|scripts\/check-words/.test(file))).toEqual([]);
});
