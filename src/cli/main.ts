#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import type { CommandIo } from './io/command-io.js';
import { closeLostTerminals } from './io/standard-streams.js';
import { run } from './run.js';

/** Bounds the wait for output that is left when the work is done, such as a log that nothing reads. */
const LAST_WRITES_MS = 500;

// An output may break at any time. A command whose output matters looks at what became of it.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
process.once('exit', closeLostTerminals);

const io: CommandIo = {
  script: fileURLToPath(import.meta.url),
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
};

void run(process.argv.slice(2), io).then((code) => {
  process.exitCode = code;
  // The channel of a parent, and whatever a host has loaded into this process, would keep it.
  setTimeout(() => process.exit(), LAST_WRITES_MS).unref();
});
