// @ts-check
// Two checks look at the packed package, and npm prints its own notices around the answer: this reads it in one place.
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
  // npm 11 answers with a list; newer ones may answer with an object by package name.
  const [packed] = Array.isArray(answer) ? answer : Object.values(answer);
  return packed;
}
