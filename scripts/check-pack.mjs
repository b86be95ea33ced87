// @ts-check
// This script checks that exactly the built files are published, so that no test, secret or stale file is included: it
// compares the packed file list with package.json, imports and requires every entry point, and limits the size.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmPack } from './npm-pack.mjs';

/** About 4 % above what the package had when the pages for merchants were added, so that a stray file is noticed. */
const MAX_UNPACKED_BYTES = 1_580_000;
const ALLOWED = /^(package\.json|LICENSE|README\.md|README\.zh-CN\.md|CHANGELOG\.md|dist\/[\w./-]+\.(js|d\.ts))$/;
const REQUIRED = ['package.json', 'LICENSE', 'README.md', 'README.zh-CN.md', 'CHANGELOG.md'];

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const require = createRequire(import.meta.url);
/** @type {string[]} */
const problems = [];

const packed = npmPack(root, { dryRun: true });
const files = new Set(packed.files.map((file) => file.path));

for (const file of files) if (!ALLOWED.test(file)) problems.push(`${file} is packed`);
for (const file of REQUIRED) if (!files.has(file)) problems.push(`${file} is not packed`);
if (packed.unpackedSize > MAX_UNPACKED_BYTES) {
  problems.push(`${packed.unpackedSize} bytes unpacked, more than ${MAX_UNPACKED_BYTES}`);
}

for (const [subpath, target] of Object.entries(manifest.exports)) {
  if (typeof target === 'string') continue;
  for (const [condition, path] of Object.entries(target)) {
    if (!files.has(path.slice(2))) problems.push(`exports["${subpath}"].${condition}: ${path} is not packed`);
  }
  const specifier = manifest.name + subpath.slice(1);
  const imported = Object.keys(await import(specifier)).sort();
  const required = Object.keys(require(specifier))
    .filter((name) => name !== '__esModule')
    .sort();
  if (imported.length === 0) problems.push(`import('${specifier}') exports nothing`);
  if (imported.join() !== required.join()) problems.push(`require('${specifier}') is not the same as its import`);
}

for (const problem of problems) console.error(problem);
console.log(`${files.size} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
process.exitCode = problems.length === 0 ? 0 : 1;
