// @ts-check
// This script runs the benchmarks, or those that are named, each in its own process, and lists at the end which targets
// were met. It fails when a benchmark breaks, but not when a target is missed, because the results depend on the machine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { at } from './measure.mjs';

/** The benchmarks in order. Those that are sensitive to other load come first, and those that leave the disk busy come last. */
const BENCHMARKS = [
  'get-hit',
  'get-miss',
  'stale-calls',
  'import-time',
  'http',
  'http-start',
  'http-slow',
  'gateway',
  'encryption',
  'rotating',
  'bad-pushes',
  'pushes',
  'file-store',
];
/** The benchmarks that take minutes each and run only when they are named. */
const LONG = ['http-memory', 'fleet', 'fleet-million', 'million-tasks', 'authorizers'];
const REST_MS = 2_000;

const named = process.argv.slice(2);
const all = [...BENCHMARKS, ...LONG];
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new Error(`no such benchmark: ${unknown.join(', ')}; only ${all.join(', ')}`);
const wanted = named.length === 0 ? BENCHMARKS : all.filter((name) => named.includes(name));

printMachine();
const startedAt = performance.now();
/** @type {string[]} */
const targets = [];
/** @type {string[]} */
const broken = [];
for (const [index, name] of wanted.entries()) {
  if (index > 0) await rest(REST_MS);
  console.log(`\n## ${name}\n`);
  const { code, output } = await run(name);
  targets.push(...output.split('\n').filter((line) => /^(MET|MISSED) /.test(line)));
  if (code !== 0) broken.push(name);
}

console.log(`\n## Targets (${((performance.now() - startedAt) / 1_000).toFixed(0)} s)\n`);
console.log(targets.join('\n'));
if (broken.length > 0) console.log(`BROKEN  ${broken.join(', ')}`);
process.exitCode = broken.length === 0 ? 0 : 1;

/** @param {string} name */
async function run(name) {
  const script = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const [code] = /** @type {[number | null]} */ (await once(child, 'close'));
  return { code, output };
}

function printMachine() {
  const processors = cpus();
  const load = at(loadavg(), 0);
  console.log(`Date     ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`);
  console.log(`Machine  ${processors.length} x ${processors[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB`);
  console.log(`System   ${process.platform} ${release()} ${process.arch}, Node ${process.version}`);
  console.log(
    `Load     ${load.toFixed(2)}${load > 0.5 ? ': NOISY, something else is running; look at the ratios alone' : ''}`,
  );
}
