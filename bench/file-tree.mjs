// @ts-check
// This module creates directory trees with many documents cheaply for the benchmark of the file store, and removes them.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, linkSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { at } from './measure.mjs';

/** The number of links to one file. ext4 permits 65,000. */
const LINKS_PER_FILE = 60_000;
const MEMORY_FILE_SYSTEMS = new Set([0x01021994, 0x858458f6]);

/**
 * Enlarges the directory that contains the only document of a store to the size of one with `count` documents. The others
 * are mere names beside it, links to one file: 100,000 directories take a minute to remove on ext4, and access to a
 * document by its name is only affected by the names of its neighbours.
 *
 * @param {string} root
 * @param {number} count
 * @param {{ whole: boolean }} options `whole`: the others are directories with files, like real documents, which takes
 *   long.
 * @returns {string} that directory.
 */
export function multiplyDocument(root, count, { whole }) {
  const original = findDocument(root);
  const container = dirname(original);
  const names = readdirSync(original);
  /** @type {string[]} */
  let templates = [];
  for (let made = 1; made < count; made++) {
    if (made % LINKS_PER_FILE === 1) templates = copyFiles(original, names, root);
    const neighbour = join(container, randomBytes(32).toString('hex').slice(0, basename(original).length));
    if (whole) linkAll(templates, names, neighbour);
    else linkSync(at(templates, 0), neighbour);
  }
  return container;
}

/**
 * @param {readonly string[]} files
 * @param {readonly string[]} names
 * @param {string} directory
 */
function linkAll(files, names, directory) {
  mkdirSync(directory, { mode: 0o700 });
  for (const [index, file] of files.entries()) linkSync(file, join(directory, at(names, index)));
}

/**
 * Returns the directory with the versions of the only document.
 *
 * @param {string} root
 */
function findDocument(root) {
  const versions = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.json'));
  const [version] = versions;
  if (version === undefined || versions.length > 1) throw new Error(`${versions.length} documents instead of one`);
  return dirname(join(root, version));
}

/**
 * @param {string} from
 * @param {readonly string[]} names
 * @param {string} to
 */
function copyFiles(from, names, to) {
  return names.map((name) => {
    const copy = join(to, `template-${randomBytes(8).toString('hex')}`);
    copyFileSync(join(from, name), copy);
    return copy;
  });
}

/**
 * Returns whether a directory is in memory, where nothing is durable.
 *
 * @param {string} directory
 */
export function isInMemory(directory) {
  return process.platform === 'linux' && MEMORY_FILE_SYSTEMS.has(statfsSync(directory).type);
}

/** Makes the system write its buffered data, so that the first case does not pay for it. */
export function syncAll() {
  if (process.platform !== 'win32') spawnSync('sync');
}

/**
 * Removes a tree with `rm`, which is several times as fast as the function of Node.
 *
 * @param {string} directory
 */
export function removeTree(directory) {
  if (process.platform !== 'win32') spawnSync('rm', ['-rf', directory]);
  rmSync(directory, { recursive: true, force: true });
}
