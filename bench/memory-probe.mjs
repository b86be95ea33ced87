// @ts-check
// This module is imported by a process whose memory is measured. It reports on a socket the memory that is used after a
// full garbage collection. It needs `--expose-gc`, and the directory of the sockets in BENCH_PROBES.
import { createServer } from 'node:net';
import { join } from 'node:path';

const directory = process.env['BENCH_PROBES'];
if (directory !== undefined) {
  const server = createServer((socket) => {
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    socket.on('error', () => {}).end(JSON.stringify({ heapUsed, external, rss }));
  });
  server.on('error', () => {}).listen(join(directory, String(process.pid)));
  server.unref();
}
