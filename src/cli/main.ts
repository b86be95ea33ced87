#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import type { CommandIo } from './io/command-io.js';
import { closeLostTerminals } from './io/standard-streams.js';
import { run } from './run.js';

/** The time limit for remaining output after the work is done, for example when nothing reads the log. */
const LAST_WRITES_MS = 500;

// An output may fail at any time. Commands whose output matters check for errors themselves.
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
  // The channel to a parent process, or handles of modules that a host has loaded, would keep this process alive.
  setTimeout(() => process.exit(), LAST_WRITES_MS).unref();
});
