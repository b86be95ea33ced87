// @ts-check
// Directory trees for the benchmark of the file store: many documents made cheaply, and removed again.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, linkSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { at } from './measure.mjs';

/** ext4 takes 65,000 links to a file. */
const LINKS_PER_FILE = 60_000;
const MEMORY_FILE_SYSTEMS = new Set([0x01021994, 0x858458f6]);

/**
 * Makes the directory in which the only document of a store lies as large as one with `count` documents. The others are
 * mere names beside it, links to one file: 100,000 directories take a minute to remove on ext4, and access to a
 * document by its name encounters no more of its neighbours than their names.
 *
 * @param {string} root
 * @param {number} count
 * @param {{ whole: boolean }} options `whole`: they are directories with files, like real ones, and take their time.
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
 * The directory that holds the versions of the only document.
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
 * Whether a directory is in memory, where nothing is ever durable.
 *
 * @param {string} directory
 */
export function isInMemory(directory) {
  return process.platform === 'linux' && MEMORY_FILE_SYSTEMS.has(statfsSync(directory).type);
}

/** Has the system write what it still holds back, so that the first to be measured does not pay for it. */
export function syncAll() {
  if (process.platform !== 'win32') spawnSync('sync');
}

/**
 * `rm` is several times as fast as Node's own.
 *
 * @param {string} directory
 */
export function removeTree(directory) {
  if (process.platform !== 'win32') spawnSync('rm', ['-rf', directory]);
  rmSync(directory, { recursive: true, force: true });
}
