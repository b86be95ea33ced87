import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
const source = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.ts$/.test(file))
  .map((file) => read(`src/${file}`))
  .join('\n');

/** Returns what the first column of the tables of a page quotes. */
function quotedIn(page: string): string[] {
  const cells = [...read(page).matchAll(/^\| (`.*?) \| /gm)].map(([, cell = '']) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, quoted = '']) => quoted));
}

/** Returns the words of a message between those that differ from case to case. */
function fixedParts(message: string): string[] {
  const parts = message.split('...').map((part) => part.replace(/^[\s:;,()]+|[\s:;,()]+$/g, ''));
  return parts.filter((part) => part !== '');
}

const messages = quotedIn('docs/guide/messages.md');

test('every message that the guide explains still occurs in the source', () => {
  expect(messages.length).toBeGreaterThan(70);
  expect(messages.filter((message) => fixedParts(message).some((part) => !source.includes(part)))).toEqual([]);
});

test('both languages explain the same messages', () => {
  expect(quotedIn('docs/guide/messages.zh-CN.md')).toEqual(messages);
});

test('the guide explains every line of the log that docs/operations.md names', () => {
  const lines = [...read('docs/operations.md').matchAll(/^\| `(\w+)` \| (?:info|warn|error) \|/gm)].map(
    ([, line]) => line,
  );
  expect(lines.length).toBeGreaterThan(20);
  expect(lines.filter((line) => !messages.includes(line as string))).toEqual([]);
});

test('the errors that the guide explains are those of the table of WeChat codes', () => {
  const codes = (page: string): string[] =>
    [...read(page).matchAll(/^\| (-?\d[^|]*) \|/gm)].map(([, cell = '']) => cell);
  const numbers = codes('docs/guide/errors.md').flatMap((cell) => cell.match(/-?\d+/g) ?? []);
  expect(codes('docs/guide/errors.zh-CN.md').flatMap((cell) => cell.match(/-?\d+/g) ?? [])).toEqual(numbers);
  const known = read('src/wechat/error-table.ts');
  expect(numbers.filter((number) => !known.includes(`[${number},`) && !known.includes(`  ${number},`))).toEqual([]);
});
