// @ts-check
// This module measures cases side by side: round by round in one process, so that a slow phase of the machine affects all
// of them alike.

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {() => unknown} run Does its work as many times as `times` says; a promise is waited for.
 * @property {() => unknown} [tidy] Follows each run and is not counted.
 */

/**
 * @typedef {object} Sample What one case took, in nanoseconds for each of these times.
 * @property {string} name
 * @property {number[]} rounds
 * @property {number} median
 * @property {number} worst
 */

/**
 * Runs all cases in turn, `rounds` times, each round beginning with another one. The runs before the first round are for
 * warming up and are not counted.
 *
 * @param {readonly Case[]} cases
 * @param {{ rounds: number, times?: number, warmUps?: number }} options
 * @returns {Promise<Sample[]>}
 */
export async function alternate(cases, { rounds, times = 1, warmUps = 2 }) {
  /** @type {number[][]} */
  const taken = cases.map(() => []);
  for (let round = -warmUps; round < rounds; round++) {
    for (let turn = 0; turn < cases.length; turn++) {
      const index = (turn + round + warmUps) % cases.length;
      const { run, tidy } = at(cases, index);
      const startedAt = process.hrtime.bigint();
      await run();
      const ns = Number(process.hrtime.bigint() - startedAt) / times;
      if (round >= 0) at(taken, index).push(ns);
      await tidy?.();
    }
  }
  return cases.map(({ name }, index) => sampleOf(name, at(taken, index)));
}

/**
 * @param {string} name
 * @param {number[]} rounds
 * @returns {Sample}
 */
function sampleOf(name, rounds) {
  return { name, rounds, median: median(rounds), worst: Math.max(...rounds) };
}

/**
 * Returns the duration of `sample` as a multiple of that of `base`: the median of the ratios of all rounds, because
 * within a round both ran under the same conditions.
 *
 * @param {Sample} sample
 * @param {Sample} base
 */
export function ratio(sample, base) {
  return median(sample.rounds.map((ns, round) => ns / at(base.rounds, round)));
}

/** @param {readonly number[]} numbers */
export function median(numbers) {
  const sorted = [...numbers].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return (at(sorted, Math.ceil(middle) - 1) + at(sorted, Math.floor(middle))) / 2;
}

/**
 * @template T
 * @param {readonly T[]} list
 * @param {number} index
 * @returns {T}
 */
export function at(list, index) {
  if (index >= list.length) throw new RangeError(`${index} of ${list.length}`);
  return /** @type {T} */ (list[index]);
}

/**
 * Returns the milliseconds that work takes.
 *
 * @param {() => Promise<unknown>} work
 */
export async function took(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/**
 * @param {readonly number[]} numbers
 * @param {number} part - 0.99 for the number that 99 of 100 do not exceed.
 */
export function percentile(numbers, part) {
  const sorted = [...numbers].sort((left, right) => left - right);
  return at(sorted, Math.min(sorted.length - 1, Math.floor(sorted.length * part)));
}
