#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { run } from './run.js';
import type { CommandIo } from './serve-options.js';

/** Whoever reads may stop reading: `wechat-token-manager list | head`. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

process.stdout.on('error', ignoreClosedPipe);
process.stderr.on('error', ignoreClosedPipe);

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
});
