import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../../../src/cli/failures/usage-error.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { listen, logAcceptFailures, urlOf } from '../../../../../src/cli/serve/primary/listen.js';
import { FakeClock } from '../../../../../src/testing/fake-clock.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';

const open: Server[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listening(host: string, port: number, accept: (socket: Socket) => void = () => {}): Promise<Server> {
  const server = await listen({ host, port }, accept);
  open.push(server);
  return server;
}

describe('listening', () => {
  it('a connection is handed over unread, and the URL is known', async () => {
    let accepted: (socket: Socket) => void = () => {};
    const handed = new Promise<Socket>((resolve) => {
      accepted = resolve;
    });
    const server = await listening('127.0.0.1', 0, (socket) => accepted(socket));
    const { port } = server.address() as AddressInfo;
    expect(urlOf(server)).toBe(`http://127.0.0.1:${port}`);
    const client = connect(port, '127.0.0.1');
    client.write('something');
    const socket = await handed;
    expect(socket.isPaused()).toBe(true);
    const closed = once(client, 'close');
    socket.destroy();
    client.on('error', () => {});
    await closed;
  });

  it('a port that is in use is an error of one line', async () => {
    const server = await listening('127.0.0.1', 0);
    const { port } = server.address() as AddressInfo;
    await expect(listening('127.0.0.1', port)).rejects.toThrow(
      `port ${port} of 127.0.0.1 is in use: stop the program that listens there, or choose another --port`,
    );
  });

  it('an address of another machine is a usage error', async () => {
    await expect(listening('192.0.2.1', 0)).rejects.toThrow(
      new UsageError('--host: 192.0.2.1 is not an address of this machine'),
    );
  });
});

it('connections that cannot be accepted are logged in 60 lines a minute', async () => {
  const server = await listening('127.0.0.1', 0);
  const clock = new FakeClock();
  const output = new CapturedOutput();
  logAcceptFailures(server, new Log(output, clock), clock);
  const refused = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
  for (let index = 0; index < 100; index++) server.emit('error', refused);
  await clock.advance(60_000);
  const lines = output.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(61);
  expect(lines[0]).toMatchObject({ level: 'warn', message: 'acceptFailed', error: 'EMFILE' });
  expect(lines[60]).toMatchObject({ level: 'warn', message: 'suppressed', acceptFailed: 40 });
});
