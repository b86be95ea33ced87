// @ts-check
// This benchmark measures the latency of good requests to the command while 2,000 sockets send their headers a byte at a time.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { printTarget } from './report.mjs';

const SLOW_SOCKETS = 2_000;
const BYTE_EVERY_MS = 500;
const SECONDS = 10;

const directory = mkdtempSync(join(tmpdir(), 'wechat-bench-slow-'));
const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const child = spawn(process.execPath, [command, '--port', '0', '--store', directory], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const origin = await new Promise((resolve) => {
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? [];
    if (found !== undefined) resolve(found);
  });
});
const port = Number(new URL(origin).port);

const calm = await p99();
let isOver = false;
let cut = 0;
const slow = Array.from({ length: SLOW_SOCKETS }, () => trickle());
await rest(2_000);
const beside = await p99();
isOver = true;
console.log(
  `p99 ${calm.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside ${SLOW_SOCKETS} slow sockets, of which ${cut} were cut`,
);
printTarget(beside < 50, `p99 under 50 ms beside ${SLOW_SOCKETS} slow sockets`, `${beside.toFixed(1)} ms`);
await Promise.all(slow);
const ended = once(child, 'exit');
child.kill('SIGINT');
await ended;
rmSync(directory, { recursive: true, force: true });

async function p99() {
  const options = ['-t1', '-c16', `-d${SECONDS}s`, '--latency', `${origin}/healthz`];
  const { stdout } = await promisify(execFile)('wrk', options);
  const [, value = '', unit = ''] = /99% +([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  return Number(value) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? Number.NaN);
}

/** Sends headers that never end, and reconnects when the connection is closed. */
async function trickle() {
  while (!isOver) {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '));
    socket.on('error', () => {}).resume();
    const timer = setInterval(() => socket.write('x'), BYTE_EVERY_MS);
    const closed = once(socket, 'close').then(() => true);
    while (!isOver && !(await Promise.race([closed, rest(200, false)])));
    clearInterval(timer);
    socket.destroy();
    if (!isOver) cut += 1;
  }
}
