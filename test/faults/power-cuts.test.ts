import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StoredDocument } from '../../src/core/model/store.js';
import { FileStore } from '../../src/index.js';
import { Ext4Image } from './ext4-image.js';
import { requireTools } from './require-tool.js';

const SCRIPT = fileURLToPath(new URL('power-writer.mjs', import.meta.url));
const CUTS = 200;
const WRITERS = 4;
const IDS = Array.from({ length: 20 }, (_, index) => `key/wx${index % 5}/access_token/openid-${index}`);
const MOST_WRITES = 25;
const MOST_MS_AFTER = 4;

/** What the writer has reported of a document. */
interface Known {
  readonly id: string;
  /** The version; 0 without a document. */
  version: number;
  counter: number;
  /** Whether a delete was begun and has not been reported as failed. */
  isBeingDeleted: boolean;
}

interface Said {
  readonly event: 'ready' | 'written' | 'deleting' | 'deleted' | 'stopped';
  readonly id: string;
  readonly version: number;
  readonly counter: number;
}

interface Failure {
  readonly event: 'failed';
  readonly at: number;
  readonly reason: string;
}

let disk: Ext4Image;
let writer: ChildProcess;
let known: Map<string, Known>;
/** The highest version that each document was ever seen with, before deletes too. */
let highest: Map<string, number>;
let failures: Failure[];
let written: number;
let wrote: (() => void) | undefined;

beforeEach(async (context) => {
  requireTools(context, Ext4Image.TOOLS);
  disk = new Ext4Image();
  known = new Map(IDS.map((id) => [id, { id, version: 0, counter: 0, isBeingDeleted: false }]));
  highest = new Map();
  failures = [];
  writer = fork(SCRIPT, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(writer, 'message');
  writer.on('message', hear);
});

afterEach(async () => {
  if (writer?.exitCode === null) {
    const exited = once(writer, 'exit');
    writer.kill('SIGKILL');
    await exited;
  }
  await disk?.[Symbol.asyncDispose]();
});

test(`acknowledged documents survive ${CUTS} power cuts, and nothing is torn`, async () => {
  const seed = Number(process.env.POWER_SEED ?? randomInt(2 ** 31));
  const random = mulberry32(seed);
  for (let cut = 1; cut <= CUTS; cut++) {
    const where = `cut ${cut} with POWER_SEED=${seed}`;
    await disk.mount();
    await verify(where, random);
    const writes = 1 + Math.floor(random() * MOST_WRITES);
    failures = [];
    const written = writesOf(writes);
    writer.send({ command: 'write', directory: store(), documents: [...known.values()], writers: WRITERS });
    await written;
    await wait(random() * MOST_MS_AFTER);
    const cutAt = Date.now();
    await disk.cutPower();
    await stopWriter();
    expect(
      failures.filter(({ at }) => at < cutAt),
      where,
    ).toEqual([]);
    expect(failures, where).not.toEqual([]);
    await disk.unmount();
  }
  await disk.mount();
  await verify(`the end with POWER_SEED=${seed}`, random);
});

function store(): string {
  return join(disk.directory, 'tokens');
}

/** Checks what a process finds that opens the store after the power has come back. */
async function verify(where: string, random: () => number): Promise<void> {
  const store_ = new FileStore(store());
  try {
    const documents = await store_.get(IDS);
    for (const [index, id] of IDS.entries()) check(where, known.get(id) as Known, documents[index]);
    const listed = [];
    for await (const { id } of store_.list('key')) listed.push(id);
    const present = documents.filter((document) => document !== undefined).map(({ id }) => id);
    expect(listed.sort(), where).toEqual(present.sort());
    const id = IDS[Math.floor(random() * IDS.length)] as string;
    await expect.poll(() => store_.lease(id, 1), { message: where }).toBeDefined();
  } finally {
    await store_.close();
  }
}

function check(where: string, last: Known, document: StoredDocument | undefined): void {
  const { id } = last;
  if (document === undefined) {
    const mayBeGone = last.version === 0 || last.isBeingDeleted;
    expect(mayBeGone, `${where}: ${id} has gone, ${JSON.stringify(last)}`).toBe(true);
    Object.assign(last, { version: 0, isBeingDeleted: false });
    return;
  }
  const { version, data } = document;
  const { counter, padding } = data as { counter: number; padding: string };
  expect(Object.keys(data), `${where}: ${id} is torn`).toEqual(['counter', 'padding']);
  expect(padding, `${where}: ${id} is torn`).toBe(id.repeat(padding.length / id.length));
  // Exactly one more may have been stored without having been acknowledged.
  expect([last.counter, last.counter + 1], `${where}: ${id}`).toContain(counter);
  expect(version, `${where}: ${id}`).toBeGreaterThanOrEqual(highest.get(id) ?? 0);
  highest.set(id, version);
  Object.assign(last, { version, counter, isBeingDeleted: false });
}

function hear(said: Said | Failure): void {
  if (said.event === 'failed') {
    failures.push(said);
    return;
  }
  const { event, id, version, counter } = said;
  const document = known.get(id);
  if (document === undefined) return;
  if (event === 'written') {
    Object.assign(document, { version, counter, isBeingDeleted: false });
    highest.set(id, version);
    written += 1;
    wrote?.();
  } else if (event === 'deleting') {
    document.isBeingDeleted = true;
  } else if (event === 'deleted') {
    Object.assign(document, { version: 0, isBeingDeleted: false });
    highest.set(id, (highest.get(id) as number) + 1);
  }
}

function writesOf(count: number): Promise<void> {
  written = 0;
  return new Promise((resolve) => {
    wrote = () => {
      if (written >= count) resolve();
    };
  });
}

async function stopWriter(): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    const listener = ({ event }: Said): void => {
      if (event !== 'stopped') return;
      writer.off('message', listener);
      resolve();
    };
    writer.on('message', listener);
  });
  writer.send({ command: 'stop' });
  await stopped;
}

/** Returns a generator of numbers from 0 up to 1 that the seed determines. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
