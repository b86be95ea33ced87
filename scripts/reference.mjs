// @ts-check
// This script generates docs/reference from the doc comments, so that it describes the code as it is: the options,
// events, errors and types of every entry point, in English and Chinese. `--write` writes the pages anew. Without it, a
// page that differs is an error, and so is a Chinese text that is missing or was translated from an older English one.
// `--english <key>` shows the English text of an entry of the catalogue, and `--accept <key>` records that a translator
// has checked the entry.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readEntryPoints } from './reference/api-model.mjs';
import { driftProblems, writeReference } from './reference/both-languages.mjs';
import { accept } from './reference/catalogue.mjs';
import { LAYOUT } from './reference/layout.mjs';
import { readServeOptions } from './reference/serve-options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'docs/reference');
const CATALOGUE = 'catalogue.zh-CN.json';
const { values: given } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    english: { type: 'string', multiple: true, default: [] },
    accept: { type: 'string', multiple: true, default: [] },
  },
});

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entryPoints = readEntryPoints(root, manifest.exports);
const items = new Map(entryPoints.flatMap((entry) => entry.items.map((item) => [item.displayName, item])));
const source = { layout: LAYOUT, items, serveOptions: await readServeOptions(root) };

/** @type {import('./reference/catalogue.mjs').Catalogue} */
let catalogue = JSON.parse(read(CATALOGUE) ?? '{}');
let { pages, english, problems } = writeReference(source, catalogue);
for (const key of given.english) console.log(key, JSON.stringify(english[key], null, 2));
if (given.accept.length > 0) {
  catalogue = accept(catalogue, english, given.accept);
  write(CATALOGUE, `${JSON.stringify(catalogue, null, 2)}\n`);
  ({ pages, problems } = writeReference(source, catalogue));
}
if (given.write) for (const [file, text] of pages) write(file, text);

const found = [...problems, ...driftProblems(pages, read)];
for (const problem of found) console.error(`docs/reference: ${problem}`);
process.exitCode = found.length === 0 ? 0 : 1;

/** @param {string} file */
function read(file) {
  const path = join(folder, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), text);
}
