// @ts-check
// This benchmark measures the cost of encryption for writing and reading the document of one key, on a MemoryStore and on
// a FileStore.
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { EncryptedStore, FileStore, MemoryStore } from 'wechat-token-manager';
import { isInMemory, removeTree } from './file-tree.mjs';
import { alternate, at, ratio } from './measure.mjs';
import { asFactor, printTable, printTarget } from './report.mjs';

const ID = 'key/wx0123456789abcdef/access_token';
const REST_MS = 3;
const NS_PER_US = 1e3;
const ALLOWED_MEMORY_US = 50;
const ALLOWED_FILE_FACTOR = 1.1;
/** The data of a document like that of an access token: a value of 136 characters, WeChat's answer, and a past failure. */
const DATA = {
  grant: {
    value: 'v'.repeat(136),
    obtainedAt: 1_767_225_600_123,
    expiresAt: 1_767_232_800_123,
    dueAt: 1_767_232_200_123,
    result: { access_token: '\u0000value', expires_in: 7_200 },
  },
  recordVersion: 1_767_225_600_123_000,
  trying: {
    attempts: 1,
    failedAt: 1_767_232_200_123,
    retryAt: 1_767_232_201_123,
    registration: 'f'.repeat(32),
    backingOff: true,
    error: { code: 'UPSTREAM_UNAVAILABLE', message: 'm'.repeat(120), errcode: -1, errmsg: 'system error' },
  },
  format: 1,
  checksum: 'c'.repeat(8),
};

const base = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'wechat-token-bench-'));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('exit', () => removeTree(base));
if (isInMemory(base)) console.log('This directory is in memory: set BENCH_DIR to one on a disk.\n');

const options = { keys: [randomBytes(32)] };
console.log(`A document of ${JSON.stringify(DATA).length} bytes.\n`);
const memory = await compare(new MemoryStore(), new EncryptedStore(new MemoryStore(), options), {
  name: 'MemoryStore',
  rounds: 100,
  times: 500,
  warmUps: 20,
});
const files = await compare(new FileStore(join(base, 'plain')), encryptedFiles(), {
  name: 'FileStore',
  rounds: 200,
  times: 1,
  warmUps: 20,
});
for (const [name, added] of Object.entries(memory)) {
  printTarget(
    added.ns <= ALLOWED_MEMORY_US * NS_PER_US,
    `${name} on a MemoryStore: encryption adds at most ${ALLOWED_MEMORY_US} us`,
    inUs(added.ns),
  );
}
printTarget(
  files.set.factor <= ALLOWED_FILE_FACTOR,
  `set on a FileStore: encryption makes it at most ${ALLOWED_FILE_FACTOR} times as long`,
  asFactor(files.set.factor),
);

function encryptedFiles() {
  return new EncryptedStore(new FileStore(join(base, 'encrypted')), options);
}

/**
 * @param {import('wechat-token-manager').TokenStore} plain
 * @param {import('wechat-token-manager').TokenStore} encrypted
 * @param {{ name: string, rounds: number, times: number, warmUps: number }} how
 */
async function compare(plain, encrypted, { name, rounds, times, warmUps }) {
  // The store removes replaced files in the background. The next case starts only after that.
  const tidy = () => (times === 1 ? rest(REST_MS) : undefined);
  const [plainCase, encryptedCase] = [await casesOf(plain, times), await casesOf(encrypted, times)];
  const samples = await alternate(
    [
      { name: `${name}: set`, run: plainCase.set, tidy },
      { name: `${name}: set, encrypted`, run: encryptedCase.set, tidy },
      { name: `${name}: get`, run: plainCase.get, tidy },
      { name: `${name}: get, encrypted`, run: encryptedCase.get, tidy },
    ],
    { rounds, times, warmUps },
  );
  for (const store of [plain, encrypted]) await store.close();
  const [set, setEncrypted] = [at(samples, 0), at(samples, 1)];
  const [get, getEncrypted] = [at(samples, 2), at(samples, 3)];
  const lines = /** @type {const} */ ([
    [set, undefined],
    [setEncrypted, set],
    [get, undefined],
    [getEncrypted, get],
  ]);
  printTable(
    ['one document', 'median', 'worst', 'added', 'of plain'],
    lines.map(([sample, bare]) => [
      sample.name,
      inUs(sample.median),
      inUs(sample.worst),
      bare === undefined ? '' : inUs(sample.median - bare.median),
      bare === undefined ? '' : asFactor(ratio(sample, bare)),
    ]),
  );
  return {
    set: { ns: setEncrypted.median - set.median, factor: ratio(setEncrypted, set) },
    get: { ns: getEncrypted.median - get.median, factor: ratio(getEncrypted, get) },
  };
}

/**
 * @param {import('wechat-token-manager').TokenStore} store
 * @param {number} times
 */
async function casesOf(store, times) {
  let version = await store.set(ID, DATA, 0);
  return {
    async set() {
      for (let time = 0; time < times; time++) version = await store.set(ID, DATA, version ?? 0);
      if (version === undefined) throw new Error('another process has written');
    },
    async get() {
      let document;
      for (let time = 0; time < times; time++) [document] = await store.get([ID]);
      if (document?.data['checksum'] !== DATA.checksum) throw new Error('this is not the document');
    },
  };
}

/** @param {number} ns */
function inUs(ns) {
  return `${(ns / NS_PER_US).toFixed(1)} us`;
}
