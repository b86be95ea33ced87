// @ts-check
// This benchmark measures the time that importing the package adds to the start of a process, and checks that this does
// not load undici.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { alternate, at, median } from './measure.mjs';
import { inMs, printTable, printTarget } from './report.mjs';

const ROUNDS = 9;
const ALLOWED_MS = 25;
const NS_PER_MS = 1e6;
const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {[name: string, specifier: string | undefined][]} */
const IMPORTS = [
  ['an empty script', undefined],
  ["'.'", 'wechat-token-manager'],
  ["'./testing'", 'wechat-token-manager/testing'],
  ['undici, for comparison', 'undici'],
];

const samples = await alternate(
  IMPORTS.map(([name, specifier]) => ({
    name,
    run: () => void runScript(specifier === undefined ? '' : `import ${JSON.stringify(specifier)};`),
  })),
  { rounds: ROUNDS, warmUps: 1 },
);
const empty = at(samples, 0);
const rows = samples.map(({ name, median: whole, worst, rounds }, index) => {
  const addedMs = median(rounds.map((ns, round) => ns - at(empty.rounds, round))) / NS_PER_MS;
  const specifier = at(IMPORTS, index)[1];
  const scripts = specifier === undefined ? [] : scriptsOf(specifier);
  const undici = scripts.filter(isUndici).length;
  return { name, wholeMs: whole / NS_PER_MS, worstMs: worst / NS_PER_MS, addedMs, files: scripts.length, undici };
});

printTable(
  ['a fresh process that imports', 'median', 'worst', 'more than empty', 'scripts', 'of undici'],
  rows.map(({ name, wholeMs, worstMs, addedMs, files, undici }) => [
    name,
    inMs(wholeMs),
    inMs(worstMs),
    inMs(addedMs),
    String(files),
    String(undici),
  ]),
);
for (const { name, addedMs, undici } of rows.slice(1, 3)) {
  printTarget(addedMs < ALLOWED_MS, `${name}: less than ${ALLOWED_MS} ms more than an empty script`, inMs(addedMs));
  printTarget(undici === 0, `${name}: undici is not loaded`, `${undici} scripts of it`);
}
if (at(rows, 3).undici === 0) throw new Error('undici was not seen even where it was imported: the check is blind');

/**
 * Returns the scripts that the engine has compiled for this import. They are listed by its debugger, which covers every
 * kind of loader.
 *
 * @param {string} specifier
 * @returns {string[]}
 */
function scriptsOf(specifier) {
  const output = runScript(`
    import { Session } from 'node:inspector';
    const session = new Session();
    const urls = new Set();
    session.connect();
    session.post('Debugger.enable');
    session.on('Debugger.scriptParsed', ({ params }) => urls.add(params.url));
    await import(${JSON.stringify(specifier)});
    console.log(JSON.stringify([...urls].filter((url) => /^(file|node):/.test(url))));
  `);
  return JSON.parse(output);
}

/**
 * Returns whether a script is of the package undici, or of the copy that is built into Node.
 *
 * @param {string} url
 */
function isUndici(url) {
  return /node_modules\/undici\/|^node:.*undici/.test(url);
}

/** @param {string} source */
function runScript(source) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
