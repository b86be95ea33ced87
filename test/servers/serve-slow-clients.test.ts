import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';

const SLOW = 2_000;

let world: ServeWorld;
let server: ServeProcess;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  world = await ServeWorld.create();
  server = await world.start();
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await world[Symbol.asyncDispose]();
});

async function open(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

test('connections without a request take neither the file descriptors of the store nor those of other clients', async () => {
  const limited = await world.startWithOpenFiles(512);
  // An address of which no request was accepted may not have more than half of the connections.
  await limited.register('wx', 'secret', []);
  const idle = Array.from({ length: 700 }, () => connect(limited.port, '127.0.0.1').on('error', () => {}));
  sockets.push(...idle);
  await Promise.allSettled(idle.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
  for (let asked = 0; asked < 20; asked += 1) {
    const answer = await fetch(`${limited.url}/registe`, {
      method: 'POST',
      headers: { Connection: 'close' },
      signal: AbortSignal.timeout(10_000),
      body: JSON.stringify({ appid: `wx${asked}`, appsecret: 'secret', tasks: [] }),
    });
    expect(await answer.json()).toMatchObject({ code: 200 });
  }
});

test('a request whose headers do not arrive is cut off', async () => {
  const socket = await open();
  socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
});

test('a request whose body does not arrive is cut off', async () => {
  const socket = await open();
  socket.write('POST /registe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"appid":');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 4\d\d /);
});

test(`${SLOW} connections that send a byte each do not delay other clients, and are cut off`, async () => {
  const slow = await Promise.all(Array.from({ length: SLOW }, open));
  const cut = Promise.all(slow.map((socket) => once(socket, 'close')));
  for (const socket of slow) {
    socket.on('error', () => {});
    socket.resume();
    socket.write('G');
  }
  const statuses: number[] = [];
  for (let asked = 0; asked < 100; asked += 1) {
    const response = await fetch(`${server.url}/readyz`, { headers: { Connection: 'close' } });
    await response.text();
    statuses.push(response.status);
  }
  expect(statuses).toEqual(Array.from({ length: 100 }, () => 200));
  await cut;
  expect(await server.stop()).toBe(0);
});
