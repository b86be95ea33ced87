// @ts-check
// This module prints the results of `fleet-million`.
import { printTable } from '../report.mjs';

/**
 * Returns the number of calls a second in each window.
 *
 * @param {readonly number[]} calls the time of each call.
 * @param {{ readonly from: number, readonly seconds: number, readonly window: number }} span
 */
export function windowsOf(calls, { from, seconds, window }) {
  return Array.from({ length: Math.floor(seconds / window) }, (_, index) => {
    const begin = from + index * window * 1_000;
    return calls.filter((at) => at >= begin && at < begin + window * 1_000).length / window;
  });
}

/** Returns the largest number of calls within any period of `ms`. */
export function mostWithin(/** @type {readonly number[]} */ calls, /** @type {number} */ ms) {
  let first = 0;
  return calls.reduce((most, at, index) => {
    while (Number(calls[first]) <= at - ms) first += 1;
    return Math.max(most, index - first + 1);
  }, 0);
}

/**
 * @param {string} title
 * @param {import('./processes.mjs').Figures} figures
 */
export function report(title, { rss, answers, errors, claimMs, commands, refreshes, cpuMs }) {
  const waited = answers.filter((answer) => answer.waited).map(({ ms }) => ms);
  printTable(
    [title, 'count', 'p50', 'p99', 'worst'],
    [
      ['answers to callers', ...spread(answers.map(({ ms }) => ms))],
      ['of those, with a refresh', ...spread(waited)],
      ['looks at what is due', ...spread(claimMs)],
    ],
  );
  const counts = Object.entries(commands).map(([command, count]) => `${count} ${command}`);
  console.log(`${refreshes} refreshes; commands: ${counts.join(', ')}; RSS ${inMib(rss)}`);
  console.log(`${(cpuMs / 1_000).toFixed(1)} s of processor; ${errors.length} errors`);
  for (const error of errors.slice(0, 5)) console.log(`  ${error}`);
  console.log('');
}

function spread(/** @type {readonly number[]} */ times) {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (/** @type {number} */ part) =>
    `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]?.toFixed(1) ?? '-'} ms`;
  return [String(sorted.length), at(0.5), at(0.99), at(1)];
}

/** @param {number} bytes */
export function inMib(bytes) {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
