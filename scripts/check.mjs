// @ts-check
// This script decides whether a change may be merged: it runs every check, as many at a time as there are cores,
// continues after a failure so that one run shows all of them, and prints the output of the failed checks. Names of
// checks as arguments run only these, and the build before those that need it.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** @typedef {{ name: string, command: string, needsBuild: boolean }} Check */

const BUILD = 'build';

/**
 * The checks, the longest first. `exports` packs without scripts, because `prepack` would build again during the other
 * checks.
 *
 * @type {Check[]}
 */
const CHECKS = [
  {
    name: 'coverage',
    command: 'npx vitest run --coverage --project core --project unit --project alone',
    needsBuild: true,
  },
  { name: BUILD, command: 'npm run build --silent', needsBuild: false },
  { name: 'typecheck', command: 'npm run typecheck --silent', needsBuild: true },
  { name: 'consumers', command: 'node scripts/check-consumers.mjs', needsBuild: true },
  { name: 'api', command: 'node scripts/api-report.mjs', needsBuild: true },
  { name: 'reference', command: 'node scripts/reference.mjs', needsBuild: true },
  { name: 'exports', command: 'npm run exports --silent --ignore-scripts', needsBuild: true },
  { name: 'lint', command: 'npm run lint --silent', needsBuild: false },
  { name: 'knip', command: 'npx knip --no-config-hints', needsBuild: false },
  { name: 'pack', command: 'node scripts/check-pack.mjs', needsBuild: true },
  { name: 'readme', command: 'node scripts/check-readme.mjs', needsBuild: false },
  { name: 'words', command: 'node scripts/check-words.mjs', needsBuild: false },
  { name: 'lock', command: 'node scripts/complete-lock.mjs --check', needsBuild: false },
];

const root = fileURLToPath(new URL('..', import.meta.url));
/** @type {string[]} */
const failed = [];

/**
 * Returns the checks with these names, all of them without a name, in two groups: the second needs the output of the build,
 * which is in the first. A check that needs it adds the build, since `dist` may be that of other sources.
 *
 * @param {readonly string[]} names
 * @returns {[Check[], Check[]]}
 */
export function checksFor(names) {
  const unknown = names.filter((name) => !CHECKS.some((known) => known.name === name));
  if (unknown.length > 0) throw new Error(`no such check: ${unknown.join(', ')}`);
  const wanted = CHECKS.filter(({ name }) => names.length === 0 || names.includes(name));
  const after = wanted.filter(({ needsBuild }) => needsBuild);
  const before = CHECKS.filter(
    (check) => (check.name === BUILD && after.length > 0) || (wanted.includes(check) && !check.needsBuild),
  );
  return [before, after];
}

/** @param {Check[]} checks */
async function runAll(checks) {
  const left = [...checks];
  const runners = Array.from({ length: availableParallelism() }, async () => {
    for (let check = left.shift(); check !== undefined; check = left.shift()) await run(check);
  });
  await Promise.all(runners);
}

/** @param {Check} check */
async function run({ name, command }) {
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

/** @param {readonly string[]} names */
async function main(names) {
  for (const group of checksFor(names)) await runAll(group);
  console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}.`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));
