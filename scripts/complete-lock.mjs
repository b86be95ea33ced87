// @ts-check
// This script completes the lock file after a change of the dependencies. npm leaves packages of other platforms out of
// it when it cannot see them (an incomplete registry mirror, an install over an existing node_modules), and `npm ci` then
// refuses the lock file everywhere. The script adds what is missing, in the exact versions that their parents name.
// `--check` only reports it.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/**
 * @typedef {object} Entry
 * @property {string} [version]
 * @property {boolean} [dev]
 * @property {Record<string, string>} [optionalDependencies]
 */

const OPERATING_SYSTEMS = 'aix android darwin freebsd linux netbsd openbsd openharmony sunos win32'.split(' ');
const PROCESSORS = 'arm arm64 ia32 loong64 mips64el ppc64 riscv64 s390x x64'.split(' ');
const C_LIBRARIES = new Map([
  ['gnu', 'glibc'],
  ['gnueabihf', 'glibc'],
  ['musl', 'musl'],
  ['musleabihf', 'musl'],
]);

/**
 * Returns the optional dependencies without an entry in the lock file.
 *
 * @param {Record<string, Entry>} packages
 * @returns {{ name: string, range: string, dev: boolean }[]}
 */
export function missingOptional(packages) {
  const missing = new Map();
  for (const [path, { optionalDependencies = {}, dev = false }] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(optionalDependencies)) {
      const places = path
        .split('/node_modules/')
        .map((_, depth, parts) => parts.slice(0, depth + 1).join('/node_modules/'));
      const found = ['', ...places].some((place) => `${place}${place && '/'}node_modules/${name}` in packages);
      if (!found) missing.set(name, { name, range, dev });
    }
  }
  return [...missing.values()];
}

/**
 * @param {{ name: string, range: string, dev: boolean }} dependency
 */
export function lockEntry({ name, range, dev }) {
  const words = (name.split('/').at(-1) ?? name).split('-');
  const os = OPERATING_SYSTEMS.find((word) => words.includes(word));
  const cpu = PROCESSORS.find((word) => words.includes(word));
  if (!/^\d+\.\d+\.\d+/.test(range) || os === undefined || cpu === undefined) {
    throw new Error(`${name}@${range} names no exact version, or no platform`);
  }
  const libc = words.map((word) => C_LIBRARIES.get(word)).find((word) => word !== undefined);
  return {
    version: range,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(os === 'linux' && libc !== undefined ? { libc: [libc] } : {}),
    optional: true,
    os: [os],
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = new URL('../package-lock.json', import.meta.url);
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  const missing = missingOptional(lock.packages);
  for (const dependency of missing) lock.packages[`node_modules/${dependency.name}`] = lockEntry(dependency);
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  if (!process.argv.includes('--check')) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
  for (const { name, range } of missing) console.log(`${name}@${range}`);
  process.exitCode = process.argv.includes('--check') && missing.length > 0 ? 1 : 0;
}
