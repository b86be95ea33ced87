// @ts-check
// This script decides whether a change may be merged: it runs every check, as many at a time as there are cores,
// continues after a failure so that one run shows all of them, and prints the output of the failed checks. Names of
// checks as arguments run only these.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** @typedef {[name: string, command: string]} Check */

/**
 * The checks. All but the first three need the output of `build`, so nothing else starts before it has ended. The longest
 * check comes first. `exports` packs without scripts, because `prepack` would build again during the other checks.
 *
 * @type {Check[]}
 */
const CHECKS = [
  ['build', 'npm run build --silent'],
  ['lint', 'npm run lint --silent'],
  ['words', 'node scripts/check-words.mjs'],
  ['coverage', 'npx vitest run --coverage --project core --project unit --project alone'],
  ['typecheck', 'npm run typecheck --silent'],
  ['consumers', 'node scripts/check-consumers.mjs'],
  ['api', 'node scripts/api-report.mjs'],
  ['reference', 'node scripts/reference.mjs'],
  ['exports', 'npm run exports --silent --ignore-scripts'],
  ['knip', 'npx knip --no-config-hints'],
  ['pack', 'node scripts/check-pack.mjs'],
  ['lock', 'node scripts/complete-lock.mjs --check'],
  ['readme', 'node scripts/check-readme.mjs'],
];
const NEEDS_NO_BUILD = 3;

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !CHECKS.some(([known]) => known === name));
if (unknown.length > 0) throw new Error(`no such check: ${unknown.join(', ')}`);

/** @type {string[]} */
const failed = [];
await runAll(CHECKS.slice(0, NEEDS_NO_BUILD));
await runAll(CHECKS.slice(NEEDS_NO_BUILD));
console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** @param {Check[]} checks */
async function runAll(checks) {
  const left = checks.filter(([name]) => wanted.length === 0 || wanted.includes(name));
  const runners = Array.from({ length: availableParallelism() }, async () => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) await run(check);
  });
  await Promise.all(runners);
}

/** @param {Check} check */
async function run([name, command]) {
  const start = performance.now();
  const { status, output } = await shell(command);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(10)} ${seconds} s`);
  if (status === 0) return;
  failed.push(name);
  console.log(`$ ${command}\n${output}`);
}

/**
 * @param {string} command
 * @returns {Promise<{ status: number | null, output: string }>}
 */
function shell(command) {
  // With its scripts, packing would build again and remove the files that other checks are reading.
  const env = { ...process.env, npm_config_ignore_scripts: 'true' };
  const child = spawn(command, { cwd: root, shell: true, env, stdio: ['ignore', 'pipe', 'pipe'] });
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout.on('data', (chunk) => void chunks.push(chunk));
  child.stderr.on('data', (chunk) => void chunks.push(chunk));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, output: String(error) }));
    child.once('close', (status) => resolve({ status, output: Buffer.concat(chunks).toString() }));
  });
}
