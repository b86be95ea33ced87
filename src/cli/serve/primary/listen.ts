import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../../core/concurrency/clock.js';
import { failureText } from '../../failures/failure-text.js';
import { UsageError } from '../../failures/usage-error.js';
import { LineLimit } from '../log/line-limit.js';
import type { Log } from '../log/log.js';

const BACKLOG = 1_024;

export interface Place {
  readonly host: string;
  readonly port: number;
}

/**
 * Listens for connections, and passes them to `accept` unread.
 *
 * @throws UsageError for an address that this machine does not have; an error of one line when the port is not free.
 */
export async function listen({ host, port }: Place, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ pauseOnConnect: true }, accept);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(explained(error, { host, port })));
    server.listen({ host, port, backlog: BACKLOG }, resolve);
  });
  return server;
}

/**
 * Logs why connections cannot be accepted, within the limit of lines: a process without free file descriptors fails to
 * accept every connection in the queue.
 */
export function logAcceptFailures(server: Server, log: Log, clock: Clock): void {
  const lines = new LineLimit(log, clock);
  server.on('error', (error: NodeJS.ErrnoException) =>
    lines.write('warn', 'acceptFailed', { error: error.code ?? failureText(error) }),
  );
}

/** Returns the URL at which the server can be reached, such as `http://127.0.0.1:9001`. */
export function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server does not listen on a port');
  const { address: host, port } = address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function explained(error: NodeJS.ErrnoException, { host, port }: Place): Error {
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(
        `port ${port} of ${host} is in use: stop the program that listens there, or choose another --port`,
      );
    case 'EACCES':
      return new Error(`port ${port} of ${host} may not be used by this user: choose another --port`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UsageError(`--host: ${host} is not an address of this machine`);
    default:
      return new Error(`cannot listen on port ${port} of ${host}: ${error.code ?? failureText(error)}`);
  }
}
