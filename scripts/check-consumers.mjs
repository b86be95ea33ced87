// @ts-check
// This script checks that users can compile and run the package, which a plausible export map does not guarantee: it
// installs the packed package into small projects as users have them (ESM, CommonJS, CommonJS with the old resolution),
// compiles them strictly and runs them. One project runs under Jest and under each pool of vitest, since most of these
// run tests in a separate realm.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmPack } from './npm-pack.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const projects = join(root, 'test/types/consumers');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const newCompiler = join(root, 'node_modules/typescript/bin/tsc');
const oldCompiler = findOldCompiler();

/**
 * The compilers by project. TypeScript 6 has no `moduleResolution: node10` any more, and TypeScript understands `require`
 * of an ES module since 5.8.
 *
 * @type {Record<string, string[]>}
 */
const COMPILERS = {
  'cjs-node10': [oldCompiler],
  'cjs-nodenext': [newCompiler],
  'esm-nodenext': [newCompiler, oldCompiler],
};

const jest = join(dirname(require.resolve('jest/package.json')), 'bin/jest.js');
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const RUNNERS = 'test-runners';
const VITEST_POOLS = ['forks', 'threads', 'vmForks', 'vmThreads'];

const scratch = mkdtempSync(join(tmpdir(), 'wechat-token-manager-consumers-'));
let failed = 0;
try {
  install(scratch);
  for (const [name, compilers] of Object.entries(COMPILERS)) {
    const project = join(scratch, name);
    cpSync(join(projects, name), project, { recursive: true });
    for (const compiler of compilers) {
      attempt(`${name}: compile with TypeScript ${versionOf(compiler)}`, [compiler, '-p', project]);
    }
    attempt(`${name}: run`, [join(project, 'out/main.js')]);
  }
  const project = join(scratch, RUNNERS);
  cpSync(join(projects, RUNNERS), project, { recursive: true });
  const jestArgs = [
    '--experimental-vm-modules',
    jest,
    '--cacheDirectory',
    join(scratch, 'jest-cache'),
    '--testTimeout=60000',
  ];
  attempt(`${RUNNERS}: Jest`, jestArgs, project);
  for (const pool of VITEST_POOLS) {
    attempt(`${RUNNERS}: vitest, pool ${pool}`, [vitest, 'run', '--globals', '--pool', pool], project);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

/**
 * @param {string} what
 * @param {string[]} args
 * @param {string} [cwd]
 */
function attempt(what, args, cwd = scratch) {
  try {
    execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 });
    console.log(`ok  ${what}`);
  } catch (error) {
    failed += 1;
    const { stdout, stderr } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
    console.error(`FAILED  ${what}\n${stdout ?? ''}${stderr ?? ''}`);
  }
}

/**
 * Unpacks the package. Its dependencies and the types of Node are linked, so that no network is needed.
 *
 * @param {string} directory
 */
function install(directory) {
  const modules = join(directory, 'node_modules');
  const target = join(modules, manifest.name);
  mkdirSync(target, { recursive: true });
  mkdirSync(join(modules, '@types'));
  const { filename } = npmPack(root, { destination: directory });
  execFileSync('tar', ['-xzf', join(directory, filename), '-C', target, '--strip-components=1']);
  for (const name of [...Object.keys(manifest.dependencies), '@types/node', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
}

/**
 * Returns a compiler that still supports `moduleResolution: node10`. A second `typescript` among the dependencies would
 * conflict over the name `tsc`, so the 5.x that the types checker brings along is used.
 */
function findOldCompiler() {
  const cli = require.resolve('@arethetypeswrong/cli/package.json');
  const core = createRequire(cli).resolve('@arethetypeswrong/core');
  const compiler = join(dirname(createRequire(core).resolve('typescript/package.json')), 'bin/tsc');
  const version = versionOf(compiler);
  if (!version.startsWith('5.')) throw new Error(`needs a TypeScript 5 for node10 consumers, found ${version}`);
  return compiler;
}

/** @param {string} compiler */
function versionOf(compiler) {
  return JSON.parse(readFileSync(join(dirname(compiler), '../package.json'), 'utf8')).version;
}
