import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forThisMachine } from '../../../../../src/cli/serve/worker/loopback-guard.js';

let server: Server;

beforeAll(async () => {
  const answer = forThisMachine((_request, response) => response.end('let in'));
  server = createServer({ requireHostHeader: false }, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => void server.close());

async function ask(version: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET /tokens HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n`);
  return text(socket);
}

describe('a server without keys', () => {
  it.each(['127.0.0.1', '127.0.0.1:9001', 'localhost:9001', '[::1]:9001', 'a.localhost'])(
    'a server without keys answers this machine under %s',
    async (host) => {
      expect(await ask('1.1', { Host: host })).toMatch(/^HTTP\/1\.1 200 .*let in$/s);
    },
  );

  it.each(['evil.example', 'tokens.corp:9001', '10.0.0.5', '127.0.0.1.nip.io', '[::2]'])(
    'a server without keys refuses the name %s',
    async (host) => {
      const answer = await ask('1.1', { Host: host });
      expect(answer).toMatch(/^HTTP\/1\.1 403 .*only requests from this machine/s);
      expect(answer).toContain('Cross-Origin-Resource-Policy: same-origin');
    },
  );

  it.each([
    ['1.0', {}],
    ['1.1', { Forwarded: 'for=203.0.113.9' }],
    ['1.1', { 'X-Forwarded-For': '203.0.113.9' }],
    ['1.1', { 'x-forwarded-proto': 'https' }],
    ['1.1', { 'X-FORWARDED-PREFIX': '/' }],
    ['1.1', { 'X-Real-IP': '203.0.113.9' }],
    ['1.1', { Via: '1.1 proxy' }],
  ])('a server without keys refuses what a proxy passes on: HTTP/%s with %j', async (version, headers) => {
    const answer = await ask(version, { Host: 'localhost', ...headers });
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*this request came through a proxy.*start the server with --keys/s);
  });

  it('a server without keys refuses HTTP/1.0 without a name', async () => {
    expect(await ask('1.0', {})).toMatch(/^HTTP\/1\.1 403 /);
  });
});
