import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ADVICE } from '../../../../src/page/words/advice-texts.js';
import { preferredLanguage, wordsIn } from '../../../../src/page/words/language.js';
import { TEXTS } from '../../../../src/page/words/texts.js';

const HTML = readFileSync(fileURLToPath(new URL('../../../../src/page/status-page.html', import.meta.url)), 'utf8');

function names(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name).toSorted();
}

const PAIRS = [
  ...Object.entries(TEXTS),
  ...Object.entries(ADVICE).flatMap(([name, { happened, todo }]) => [[name, happened] as const, [name, todo] as const]),
];

test.each(PAIRS)('the text %s is there in both languages, with the same placeholders', (_, [en, zh]) => {
  expect(en).not.toBe('');
  expect(zh).not.toBe('');
  expect(names(zh)).toEqual(names(en));
});

test.each(PAIRS)('the text %s names nothing that only a program can import', (_, pair) => {
  for (const text of pair) expect(text).not.toMatch(/wechat-token-manager\/|\w\(\)/);
});

test('every text that the page names exists', () => {
  const named = [...HTML.matchAll(/data-(?:text|name|hint)="(\w+)"/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in TEXTS))).toEqual([]);
});

test('an inserted value stays as it is', () => {
  expect(wordsIn('en').say('taskName', { type: '{appid}', appid: '$&' })).toBe('{appid} of $&');
});

test.each([
  [['zh-CN', 'en'], 'zh'],
  [['zh-Hant-HK'], 'zh'],
  [['en-GB', 'zh'], 'en'],
  [['de', 'zh'], 'zh'],
  [['de'], 'en'],
  [[], 'en'],
])('the language for %j is %s', (languages, expected) => {
  expect(preferredLanguage(languages)).toBe(expected);
});
