import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Shorter lines, such as those of lists and the ends of sentences, may be the same by chance. */
const LONG = 60;

const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

function repeated(text: string): string[] {
  const prose = text.replace(/^( *)```[\s\S]*?^\1```/gm, '').split('\n');
  const long = prose.filter((line) => line.length > LONG);
  return [...new Set(long.filter((line, index) => long.indexOf(line) !== index))];
}

test.each(PAGES)('%s says nothing twice', (page) => {
  expect(repeated(readFileSync(`${ROOT}${page}`, 'utf8'))).toEqual([]);
});

test('a repeated paragraph is found, and a repeated line of code is not', () => {
  const paragraph = 'A lease is the time-limited exclusive right of one process to refresh a key.';
  const code = `\`\`\`ts\n${paragraph}\n\`\`\``;
  expect(repeated(`${paragraph}\n\nOther words.\n\n${paragraph}\n`)).toEqual([paragraph]);
  expect(repeated(`${paragraph}\n\n${code}\n\n${code}\n`)).toEqual([]);
});
