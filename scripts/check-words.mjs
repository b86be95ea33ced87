// @ts-check
// This script keeps prose specific about what acts: a caller, a client, a process, WeChat. It fails for words that leave
// this open, for idioms in src for which the glossary in docs/design.md has a term, and for doc comments in src that begin
// with a question word instead of a subject or a verb, and prints the file and line of each. It reads the folders itself, so that it needs no git.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const WORDS = ['whoever', 'somebody', 'nobody', 'he', 'him', 'his', 'himself'];

export const OPENINGS = ['What', 'How', 'When', 'Who', 'Where', 'Which', 'That', 'Those', 'Of'];

/** Idioms that stood for released, rejected, unavailable, contended, emitted once, retry state and task. */
export const IDIOMS = [
  'given back',
  'turned away',
  'is away',
  'all the time',
  'said once',
  'state of trying',
  'standing order',
];

const FOLDERS = ['src', 'test', 'docs', 'examples', 'bench', 'scripts'];
const FILES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md'];
/** The names of generated folders, which git ignores as well. */
const GENERATED = new Set(['node_modules', 'dist', 'build', 'coverage', 'wechat-tokens']);
const LIST = 'scripts/check-words.mjs';
const PATTERN = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${WORDS.join('|')})(?![\\p{L}\\p{N}_])`, 'giu');

const IDIOM = new RegExp(`\\b(?:${IDIOMS.join('|')})\\b`, 'gi');

const OPENING = new RegExp(`/\\*\\*\\s+(?:\\*\\s+)?(${OPENINGS.join('|')})\\b`, 'g');

/**
 * Finds the words in a text, in upper and lower case, but not as parts of other words.
 *
 * @param {string} text
 * @returns {{ line: number, word: string }[]} lines are counted from 1
 */
export function findWords(text) {
  return matchesByLine(text, PATTERN);
}

/**
 * Finds the idioms in a text.
 *
 * @param {string} text
 * @returns {{ line: number, word: string }[]} lines are counted from 1
 */
export function findIdioms(text) {
  return matchesByLine(text, IDIOM);
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function matchesByLine(text, pattern) {
  return text
    .split('\n')
    .flatMap((content, index) => [...content.matchAll(pattern)].map(([word]) => ({ line: index + 1, word })));
}

/**
 * Finds the doc comments of a program that begin with such a word.
 *
 * @param {string} text
 * @returns {{ line: number, word: string }[]} the lines on which the comments begin, counted from 1
 */
export function findOpenings(text) {
  return [...text.matchAll(OPENING)].map(({ index, 1: word = '' }) => ({
    line: text.slice(0, index).split('\n').length,
    word,
  }));
}

/**
 * Names the files that are checked. Lock files are excluded because they contain checksums and foreign names, and so is
 * this list.
 *
 * @param {string} root
 */
export function checkedFiles(root) {
  const files = [...FOLDERS.flatMap((folder) => filesBelow(root, folder)), ...FILES];
  return files.filter((file) => file !== LIST && !file.endsWith('package-lock.json'));
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return GENERATED.has(entry.name) ? [] : filesBelow(root, path);
    return entry.isFile() ? [path] : [];
  });
}

/** @param {string} root */
function main(root) {
  const problems = checkedFiles(root).flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    if (text.includes('\0')) return [];
    const ofSource = /^src\/.*\.(ts|js)$/.test(file) ? [...findOpenings(text), ...findIdioms(text)] : [];
    return [...findWords(text), ...ofSource].map(({ line, word }) => `${file}:${line}: "${word}"`);
  });
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) {
    console.error(
      'Name what acts instead: a caller, a client, a process, WeChat. A doc comment begins with a verb or a noun.',
    );
  }
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(fileURLToPath(new URL('..', import.meta.url)));
