// @ts-check
// This module prints the results of benchmarks: tables in Markdown, ready for the README, and a line for each target.

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function printTable(head, rows) {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  const line = (/** @type {readonly string[]} */ row) =>
    `| ${widths.map((width, column) => align(row[column] ?? '', width, column)).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => '-'.repeat(width - 1) + (column === 0 ? '-' : ':')).join(' | ')} |`;
  console.log([line(head), rule, ...rows.map(line), ''].join('\n'));
}

/**
 * Prints a target, the measured value, and whether the target is met.
 *
 * @param {boolean} isMet
 * @param {string} target
 * @param {string} seen
 */
export function printTarget(isMet, target, seen) {
  console.log(`${isMet ? 'MET   ' : 'MISSED'}  ${target}: ${seen}`);
}

/** @param {number} ns */
export function inNs(ns) {
  return `${ns.toFixed(0)} ns`;
}

/** @param {number} ms */
export function inMs(ms) {
  return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
}

/** @param {number} factor */
export function asFactor(factor) {
  return `${factor.toFixed(2)} x`;
}

/**
 * @param {string} text
 * @param {number} width
 * @param {number} column
 */
function align(text, width, column) {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
