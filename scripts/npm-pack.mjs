// @ts-check
// This module runs `npm pack` for two checks and parses its output, in which npm mixes the result with its own notices.
import { execFileSync } from 'node:child_process';

/**
 * @typedef {object} Packed
 * @property {string} filename
 * @property {number} size
 * @property {number} unpackedSize
 * @property {{ path: string }[]} files
 */

/**
 * Runs `npm pack` without any lifecycle script.
 *
 * @param {string} root
 * @param {{ dryRun?: boolean, destination?: string }} options
 * @returns {Packed}
 */
export function npmPack(root, { dryRun = false, destination }) {
  const args = ['pack', '--json', '--ignore-scripts', '--loglevel=error'];
  if (dryRun) args.push('--dry-run');
  if (destination !== undefined) args.push('--pack-destination', destination);
  const output = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const answer = JSON.parse(output);
  // npm 11 returns a list; newer versions may return an object by package name.
  const [packed] = Array.isArray(answer) ? answer : Object.values(answer);
  return packed;
}
