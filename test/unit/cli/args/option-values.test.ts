import { describe, expect, it } from 'vitest';
import type { OptionSpec } from '../../../../src/cli/args/option.js';
import { OptionValues } from '../../../../src/cli/args/option-values.js';
import { UsageError } from '../../../../src/cli/failures/usage-error.js';

const FLAG: OptionSpec = { name: 'loud', variable: true, help: '' };
const TEXT: OptionSpec = { name: 'file-name', value: 'file', fallback: 'a.txt', variable: true, help: '' };
const MANY: OptionSpec = { name: 'host', value: 'host', many: true, variable: true, help: '' };
const PRIVATE: OptionSpec = { name: 'private', value: 'text', help: '' };
const OPTIONS = [FLAG, TEXT, MANY, PRIVATE];

function values(
  given: Readonly<Record<string, readonly string[]>>,
  env: Readonly<Record<string, string>> = {},
): OptionValues {
  const entries = Object.entries(given).map(
    ([name, texts]) => [name, texts.map((text) => ({ source: `--${name}`, text }))] as const,
  );
  return new OptionValues(OPTIONS, new Map(entries), { ...env });
}

describe('values of options', () => {
  it('a value comes from the flag, then the variable, then the fallback', () => {
    const env = { WECHAT_TOKENS_FILE_NAME: 'b.txt' };
    expect(values({ 'file-name': ['c.txt'] }, env).text(TEXT)).toBe('c.txt');
    expect(values({}, env).text(TEXT)).toBe('b.txt');
    expect(values({}).text(TEXT)).toBe('a.txt');
  });

  it('the source of a value is known', () => {
    expect(values({ 'file-name': ['c.txt'] }).sourceOf(TEXT)).toBe('--file-name');
    expect(values({}, { WECHAT_TOKENS_FILE_NAME: 'b' }).sourceOf(TEXT)).toBe('WECHAT_TOKENS_FILE_NAME');
    expect(values({}).sourceOf(TEXT)).toBe('--file-name');
  });

  it('the last of several values of an option is used', () => {
    expect(values({ 'file-name': ['b', 'c'] }).text(TEXT)).toBe('c');
  });

  it('a list comes from repeated flags or from a variable with commas, never from both', () => {
    const env = { WECHAT_TOKENS_HOST: ' a.test, b.test,,' };
    expect(values({}, env).list(MANY)).toEqual([
      { source: 'WECHAT_TOKENS_HOST', text: 'a.test' },
      { source: 'WECHAT_TOKENS_HOST', text: 'b.test' },
    ]);
    expect(
      values({ host: ['c.test', 'd.test'] }, env)
        .list(MANY)
        .map(({ text }) => text),
    ).toEqual(['c.test', 'd.test']);
    expect(values({}).list(MANY)).toEqual([]);
  });

  it('no value comes from an empty variable, or for an option that has no variable', () => {
    expect(values({}, { WECHAT_TOKENS_FILE_NAME: ' ', WECHAT_TOKENS_PRIVATE: 'x' }).text(TEXT)).toBe('a.txt');
    expect(values({}, { WECHAT_TOKENS_PRIVATE: 'x' }).text(PRIVATE)).toBeUndefined();
  });

  it.each([
    ['true', true],
    ['1', true],
    ['TRUE', true],
    ['false', false],
    ['0', false],
  ])('%s is %s, as a variable and as a flag', (text, meaning) => {
    expect(values({}, { WECHAT_TOKENS_LOUD: text }).isSet(FLAG)).toBe(meaning);
    expect(values({ loud: [text] }, { WECHAT_TOKENS_LOUD: String(!meaning) }).isSet(FLAG)).toBe(meaning);
  });

  it('a switch that is neither true nor false is refused at once', () => {
    expect(() => values({}, { WECHAT_TOKENS_LOUD: 'maybe' })).toThrow(
      new UsageError('WECHAT_TOKENS_LOUD must be true, false, 1 or 0, got "maybe"'),
    );
  });

  it.each(['0', '7', '7.5', '10'])('%s is a number from 0 to 10', (text) => {
    expect(values({ 'file-name': [text] }).number(TEXT, 0, 10)).toBe(Number(text));
  });

  it.each(['-1', '11', '1e1', '0x1', '', ' ', '7 ', 'seven', 'NaN', '1.', '.5'])('%j is no such number', (text) => {
    expect(() => values({ 'file-name': [text] }).number(TEXT, 0, 10)).toThrow(
      `--file-name must be a number from 0 to 10, got ${JSON.stringify(text)}`,
    );
  });

  it('a number that is not whole is no integer', () => {
    expect(values({ 'file-name': ['7'] }).integer(TEXT, 0, 10)).toBe(7);
    expect(() => values({ 'file-name': ['7.5'] }).integer(TEXT, 0, 10)).toThrow(
      'must be a whole number from 0 to 10, got "7.5"',
    );
  });

  it('a value is one of the choices, and a long wrong one is not shown', () => {
    expect(values({ private: ['a'] }).choice(PRIVATE, ['a', 'b'])).toBe('a');
    expect(values({}).choice(PRIVATE, ['a', 'b'])).toBeUndefined();
    expect(() => values({ private: ['c'] }).choice(PRIVATE, ['a', 'b'])).toThrow('--private must be a or b, got "c"');
    expect(() => values({ private: ['0123456789abcdef0'] }).choice(PRIVATE, ['a'])).toThrow('got a string');
  });
});
