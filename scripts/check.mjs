// @ts-check
// One command says whether a change may be merged: this runs every check, goes on after a failure so that one run shows
// them all, and prints the output of those that failed. Names of checks as arguments run only these.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** @type {[name: string, command: string][]} */
const CHECKS = [
  ['lint', 'npm run lint --silent'],
  ['build', 'npm run build --silent'],
  ['typecheck', 'npm run typecheck --silent'],
  ['api', 'node scripts/api-report.mjs'],
  ['lock', 'node scripts/complete-lock.mjs --check'],
  ['knip', 'npx knip --no-config-hints'],
  ['exports', 'npm run exports --silent'],
  ['pack', 'node scripts/check-pack.mjs'],
  ['consumers', 'node scripts/check-consumers.mjs'],
  ['readme', 'node scripts/check-readme.mjs'],
  ['coverage', 'npx vitest run --coverage --project unit'],
];

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !CHECKS.some(([known]) => known === name));
if (unknown.length > 0) throw new Error(`no such check: ${unknown.join(', ')}`);

const failed = [];
for (const [name, command] of CHECKS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync(command, {
    cwd: root,
    shell: true,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(10)} ${seconds} s`);
  if (status === 0) continue;
  failed.push(name);
  console.log(`$ ${command}\n${stdout}${stderr}`);
}

console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
