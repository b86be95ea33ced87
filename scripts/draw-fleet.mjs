// @ts-check
// This script draws the pictures of docs/fleet.md from a simulation of 1,000,000 keys. It uses the library's own code for
// when a token is due and in which steps refreshes begin. `--check` compares instead of writing.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { importTypeScript } from './import-typescript.mjs';

const KEYS = 1_000_000;
const LIFE_MS = 7_200_000;
const PER_SECOND = 300;
const HOUR = 3_600;
const DEFAULT_TIMES = { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined };

/**
 * @typedef {object} Arithmetic of src/core
 * @property {typeof import('../src/core/model/refresh-policy.js').dueAt} dueAt
 * @property {typeof import('../src/core/concurrency/rate-limit.js').RateLimiter} RateLimiter
 * @property {typeof import('../src/core/schedule/fleet-rate-limit.js').SHARE_OF_SCHEDULE} SHARE_OF_SCHEDULE
 */

/**
 * Returns the pictures by the names of their files.
 *
 * @param {Arithmetic} arithmetic
 * @returns {Record<string, string>}
 */
export function drawings({ dueAt, RateLimiter, SHARE_OF_SCHEDULE }) {
  const random = seededRandom(20_260_101);
  const nextDueMs = (/** @type {number} */ now) =>
    dueAt({ obtainedAt: now, expiresAt: now + LIFE_MS }, DEFAULT_TIMES, random());
  const restart = { seconds: 6 * HOUR, nextDueMs };
  const paced = perSecond({ ...restart, steps: new RateLimiter(PER_SECOND * SHARE_OF_SCHEDULE) });
  const unpaced = perSecond(restart);
  const day = perSecond({ seconds: 24 * HOUR, nextDueMs });
  return {
    'fleet-restart.svg': picture({
      title: '1,000,000 tokens, all due at a restart: refreshes in a second',
      hours: 6,
      y: { lowest: 10, highest: 1_000_000, ticks: [10, 100, 1_000, 10_000, 100_000, 1_000_000], isLogarithmic: true },
      curves: [
        { label: 'without a pace', name: 'a', values: buckets(unpaced, 60, highest) },
        { label: `maxPerSecond ${PER_SECOND}`, name: 'b', values: buckets(paced, 60, highest) },
      ],
    }),
    'fleet-jitter.svg': picture({
      title: '1,000,000 tokens fetched at one moment: how the jitter spreads them',
      hours: 24,
      y: { lowest: 0, highest: 1_800, ticks: [0, 300, 600, 900, 1_200, 1_500, 1_800], isLogarithmic: false },
      curves: [{ label: 'refreshes in a second', name: 'b', values: buckets(day, 120, mean) }],
    }),
  };
}

/**
 * Returns the number of refreshes that begin in each second if all keys are due in the first one. All keys behave alike,
 * so that counting them is sufficient.
 *
 * @param {{ seconds: number, nextDueMs: (now: number) => number, steps?: { reserve(now: number): number } }} parts
 */
function perSecond({ seconds, nextDueMs, steps }) {
  const due = new Float64Array(seconds + LIFE_MS / 1_000 + 1);
  const begun = new Float64Array(seconds);
  due[0] = KEYS;
  let waiting = 0;
  let now = 0;
  for (let second = 0; second < seconds; second++) {
    waiting += due[second] ?? 0;
    now = Math.max(now, second * 1_000);
    while (waiting > 0 && now < (second + 1) * 1_000) {
      const waitMs = steps?.reserve(now) ?? 0;
      if (waitMs > 0) {
        now += waitMs;
        continue;
      }
      waiting -= 1;
      begun[second] = (begun[second] ?? 0) + 1;
      const next = Math.floor(nextDueMs(now) / 1_000);
      due[next] = (due[next] ?? 0) + 1;
    }
  }
  return begun;
}

/**
 * @param {Float64Array} values
 * @param {number} size
 * @param {(bucket: Float64Array) => number} summary
 */
function buckets(values, size, summary) {
  return Array.from({ length: values.length / size }, (_, index) =>
    summary(values.subarray(index * size, (index + 1) * size)),
  );
}

/** @param {Float64Array} values */
function highest(values) {
  return values.reduce((left, right) => Math.max(left, right));
}

/** @param {Float64Array} values */
function mean(values) {
  return values.reduce((left, right) => left + right) / values.length;
}

const WIDTH = 760;
const HEIGHT = 340;
const PLOT = { left: 76, right: 740, top: 44, bottom: 296 };

const STYLE = `
  svg { background: #ffffff; font: 13px system-ui, sans-serif; }
  text { fill: #24292f; } .grid { stroke: #d0d7de; } path { fill: none; stroke-width: 2; }
  .a { stroke: #cf222e; } .b { stroke: #0969da; } text.a { fill: #cf222e; stroke: none; } text.b { fill: #0969da; stroke: none; }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; }
    text { fill: #e6edf3; } .grid { stroke: #30363d; }
    .a { stroke: #ff7b72; } .b { stroke: #58a6ff; } text.a { fill: #ff7b72; } text.b { fill: #58a6ff; }
  }`;

/**
 * @param {object} parts
 * @param {string} parts.title
 * @param {number} parts.hours
 * @param {{ lowest: number, highest: number, ticks: number[], isLogarithmic: boolean }} parts.y
 * @param {{ label: string, name: string, values: number[] }[]} parts.curves
 */
function picture({ title, hours, y, curves }) {
  const xOf = (/** @type {number} */ share) => round(PLOT.left + share * (PLOT.right - PLOT.left));
  const yOf = (/** @type {number} */ value) => {
    const clamped = Math.min(y.highest, Math.max(y.lowest, value));
    const share = y.isLogarithmic
      ? Math.log(clamped / y.lowest) / Math.log(y.highest / y.lowest)
      : (clamped - y.lowest) / (y.highest - y.lowest);
    return round(PLOT.bottom - share * (PLOT.bottom - PLOT.top));
  };
  const horizontal = y.ticks.map(
    (tick) =>
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${yOf(tick)}" y2="${yOf(tick)}"/>` +
      `<text x="${PLOT.left - 8}" y="${yOf(tick) + 4}" text-anchor="end">${tick.toLocaleString('en-US')}</text>`,
  );
  const step = hours / 6;
  const vertical = Array.from({ length: 7 }, (_, index) => {
    const x = xOf(index / 6);
    const label = `<text x="${x}" y="${PLOT.bottom + 20}" text-anchor="middle">${index * step} h</text>`;
    return `<line class="grid" x1="${x}" x2="${x}" y1="${PLOT.top}" y2="${PLOT.bottom}"/>${label}`;
  });
  const paths = curves.map(({ name, values }) => {
    const points = values.map((value, index) => `${xOf((index + 0.5) / values.length)} ${yOf(value)}`);
    return `<path class="${name}" d="M${points.join('L')}"/>`;
  });
  const labels = curves.map(
    ({ label, name }, index) =>
      `<text class="${name}" x="${PLOT.right - 8}" y="${PLOT.top + 20 + 18 * index}" text-anchor="end">${label}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">`,
    `<style>${STYLE}\n</style>`,
    `<text x="${PLOT.left}" y="24">${title}</text>`,
    ...horizontal,
    ...vertical,
    ...paths,
    ...labels,
    '</svg>\n',
  ].join('\n');
}

/** @param {number} coordinate */
function round(coordinate) {
  return Math.round(coordinate * 10) / 10;
}

/** @param {number} seed */
function seededRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {string} directory */
async function main(directory) {
  const { dueAt } = await importTypeScript('src/core/model/refresh-policy.ts');
  const { RateLimiter } = await importTypeScript('src/core/concurrency/rate-limit.ts');
  const { SHARE_OF_SCHEDULE } = await importTypeScript('src/core/schedule/fleet-rate-limit.ts');
  for (const [name, drawing] of Object.entries(drawings({ dueAt, RateLimiter, SHARE_OF_SCHEDULE }))) {
    const path = join(directory, name);
    if (!process.argv.includes('--check')) writeFileSync(path, drawing);
    else if (readFileSync(path, 'utf8') !== drawing) {
      console.error(`docs/${name} is not what scripts/draw-fleet.mjs draws`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(fileURLToPath(new URL('../docs', import.meta.url)));
}
