import type { LookupAddress } from 'node:dns';
import { getEventListeners } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type TcpSocketConnectOpts,
} from 'node:net';
import type { buildConnector } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { createGuardedConnector } from '../../../src/callbacks/guarded-connector.js';
import { GuardedRequests, type GuardedRequestsOptions } from '../../../src/callbacks/guarded-request.js';
import type { Lookup } from '../../../src/callbacks/host-lookups.js';
import { FakeClock } from '../../../src/testing/index.js';
import { everythingShown, failure } from '../wechat/failure.js';

const CANARY = 'canary-5f1d7c';
const LIMIT = 65_536;

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function guarded(options: GuardedRequestsOptions = {}): GuardedRequests {
  const requests = new GuardedRequests(options);
  cleanups.push(() => requests.close());
  return requests;
}

interface Listening {
  readonly port: number;
  readonly hits: IncomingMessage[];
}

async function listen(answer: RequestListener): Promise<Listening> {
  const hits: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    hits.push(request);
    answer(request, response);
  });
  await listenOn(server);
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, hits };
}

function listenOn(server: Server | ReturnType<typeof createTcpServer>): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

async function deadPort(): Promise<number> {
  const server = createTcpServer();
  await listenOn(server);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answering(...addresses: string[]): Lookup {
  return async () => addresses.map(toLookupAddress);
}

function toLookupAddress(address: string): LookupAddress {
  return { address, family: address.includes(':') ? 6 : 4 };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers } = request;
  response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
}

const echoing: RequestListener = (request, response) => void echo(request, response);

function outcomeOf(open: buildConnector.connector, port: number): Promise<Error | Socket> {
  const target = { hostname: 'rebind.test', protocol: 'http:', port: String(port) };
  return new Promise((resolve) => open(target, (error, socket) => resolve(error ?? socket)));
}

describe('a guarded request', () => {
  it('a request is sent unchanged over a connection of its own', async () => {
    const { port } = await listen(echoing);
    const requests = guarded({ lookup: answering('127.0.0.1') });
    const answer = await requests.send({
      url: `http://callback.test:${port}/a/b?c=d#e`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"f":1}',
    });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toEqual({
      method: 'POST',
      url: '/a/b?c=d',
      body: '{"f":1}',
      headers: {
        host: `callback.test:${port}`,
        connection: 'close',
        'content-type': 'application/json',
        'content-length': '7',
        'user-agent': 'wechat-token-manager',
        'x-wechat-token-manager-callback': '1',
      },
    });
  });

  it('a request to an address needs no lookup', async () => {
    const { port, hits } = await listen(echoing);
    const requests = guarded({ lookup: () => Promise.reject(new Error('looked up')) });
    const url = new URL(`http://127.0.0.1:${port}/`);
    await expect(requests.send({ url, method: 'GET' })).resolves.toMatchObject({ status: 200 });
    expect(hits).toHaveLength(1);
  });

  it('localhost is resolved by the lookup of the system', async () => {
    const { port } = await listen(echoing);
    const answer = await guarded().send({ url: `http://localhost:${port}/`, method: 'GET' });
    expect(answer.status).toBe(200);
  });

  it('the next address is tried when nothing listens at the first', async () => {
    const { port } = await listen(echoing);
    const requests = guarded({ lookup: answering('::1', '127.0.0.2', '127.0.0.1') });
    const answer = await requests.send({ url: `http://callback.test:${port}/`, method: 'GET' });
    expect(answer.status).toBe(200);
  });

  it('a redirect is not followed', async () => {
    const target = await listen(echoing);
    const { port, hits } = await listen((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${target.port}/` }).end('moved');
    });
    const answer = await guarded().send({ url: `http://127.0.0.1:${port}/`, method: 'GET' });
    expect(answer).toEqual({ status: 302, body: Buffer.from('moved') });
    expect(hits).toHaveLength(1);
    expect(target.hits).toEqual([]);
  });

  it.each([204, 400, 404, 500, 503])('an answer with HTTP status %i is returned', async (status) => {
    const { port } = await listen((_request, response) => response.writeHead(status).end());
    const answer = await guarded().send({ url: `http://127.0.0.1:${port}/`, method: 'POST', body: '' });
    expect(answer).toEqual({ status, body: Buffer.alloc(0) });
  });

  it('a request over TLS asks for the host by its name', async () => {
    let hello: Buffer = Buffer.alloc(0);
    const server = createTcpServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', (chunk: Buffer) => {
          hello = chunk;
          socket.destroy();
        });
    });
    await listenOn(server);
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const requests = guarded({ lookup: answering('127.0.0.1') });
    const error = await failure(requests.send({ url: `https://callback.test:${port}/`, method: 'GET' }));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    expect(hello.includes('callback.test')).toBe(true);
  });
});

describe('hosts', () => {
  it('a host with one refused address is refused as a whole', async () => {
    const { port, hits } = await listen(echoing);
    const requests = guarded({ lookup: answering('127.0.0.1', '169.254.169.254') });
    const url = `http://callback.test:${port}/${CANARY}?${CANARY}`;
    const error = await failure(requests.send({ url, method: 'GET' }));
    expect(error).toMatchObject({ name: 'TokenError', code: 'UPSTREAM_REJECTED', retryable: false });
    expect(error.message).toBe(`A callback URL must not lead to callback.test:${port}: metadata addresses are refused`);
    expect(everythingShown(error)).not.toContain(CANARY);
    expect(hits).toEqual([]);
  });

  it.each(['0.0.0.0', '::', '::ffff:0.0.0.0', '127.1', ''])('a host at %j is never reached', async (address) => {
    const { port, hits } = await listen(echoing);
    const requests = guarded({ lookup: answering(address) });
    const error = await failure(requests.send({ url: `http://callback.test:${port}/`, method: 'GET' }));
    expect(error.code).toBe('UPSTREAM_REJECTED');
    expect(hits).toEqual([]);
  });

  it.each(['127.0.0.1', '::ffff:127.0.0.1', '10.0.0.1', 'fc00::1', '100.64.0.1'])(
    'publicOnly keeps a host that resolves to %s from being reached',
    async (address) => {
      const { port, hits } = await listen(echoing);
      const requests = guarded({ lookup: answering(address), publicOnly: true });
      const error = await failure(requests.send({ url: `http://callback.test:${port}/`, method: 'GET' }));
      expect(error.code).toBe('UPSTREAM_REJECTED');
      expect(hits).toEqual([]);
    },
  );

  it('publicOnly keeps a loopback address in the URL from being reached', async () => {
    const { port, hits } = await listen(echoing);
    const requests = guarded({ publicOnly: true });
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:7f00:1]', 'localhost']) {
      const error = await failure(requests.send({ url: `http://${host}:${port}/`, method: 'GET' }));
      expect(error.code).toBe('UPSTREAM_REJECTED');
      expect(error.message).toContain('loopback addresses are refused');
    }
    expect(hits).toEqual([]);
  });

  it('a host that is not in allowHosts is refused without a lookup', async () => {
    let lookups = 0;
    const lookup: Lookup = async () => {
      lookups += 1;
      return [toLookupAddress('127.0.0.1')];
    };
    const requests = guarded({ lookup, allowHosts: ['*.example.com'] });
    const error = await failure(requests.send({ url: `http://callback.test/${CANARY}`, method: 'GET' }));
    expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: false });
    expect(error.message).toBe('A callback URL must name one of the allowed hosts, not callback.test');
    expect(lookups).toBe(0);
  });

  it.each(['ENOTFOUND', 'EAI_AGAIN'])('a lookup that fails with %s is retryable', async (code) => {
    const lookup: Lookup = () => Promise.reject(Object.assign(new Error(CANARY), { code }));
    const error = await failure(guarded({ lookup }).send({ url: 'http://callback.test/', method: 'GET' }));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    expect(error.message).toBe(`The request to callback.test failed (Error ${code})`);
    expect(everythingShown(error)).not.toContain(CANARY);
  });

  it('a lookup that finds no address is retryable', async () => {
    const requests = guarded({ lookup: answering() });
    const error = await failure(requests.send({ url: 'http://callback.test/', method: 'GET' }));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
  });
});

describe('DNS rebinding', () => {
  /** Starts the canary, which a connection to 0.0.0.0 would hit; nothing listens at the addresses that may be called. */
  const canary = (): Promise<Listening> => listen(echoing);

  it('a connection to 0.0.0.0 reaches the canary when nothing refuses it', async () => {
    const { port } = await canary();
    const socket = connect({ port, host: '0.0.0.0' });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.destroy();
  });

  it.each([
    ['may be called first', '::1', '0.0.0.0'],
    ['is refused first', '0.0.0.0', '::1'],
  ])('DNS rebinding never reaches a refused address: the name has one that %s', async (_, ...addresses) => {
    const { port, hits } = await canary();
    let lookups = 0;
    const lookup: Lookup = async () => [toLookupAddress(addresses[lookups++ % 2] ?? '')];
    const requests = guarded({ lookup });
    const codes: string[] = [];
    for (let time = 0; time < 6; time++) {
      codes.push((await failure(requests.send({ url: `http://rebind.test:${port}/`, method: 'GET' }))).code);
    }
    const ofAddress = { '::1': 'UPSTREAM_UNAVAILABLE', '0.0.0.0': 'UPSTREAM_REJECTED' } as Record<string, string>;
    expect(codes).toEqual(codes.map((__, time) => ofAddress[addresses[time % 2] ?? '']));
    expect(lookups).toBe(6);
    expect(hits).toEqual([]);
  });

  it('a name is looked up once, and the checked address is the one connected to', async () => {
    const { port, hits } = await canary();
    const tried: unknown[] = [];
    let lookups = 0;
    const lookup: Lookup = async () => [toLookupAddress(lookups++ === 0 ? '8.8.8.8' : '127.0.0.1')];
    const { signal } = new AbortController();
    // Takes the place of undici's and asks for the address in the way of Node, but does not leave this machine.
    const build: typeof buildConnector = (options) => (target, callback) => {
      const answer = (_error: unknown, addresses: unknown): void => {
        tried.push(addresses);
        callback(new Error('no route'), null);
      };
      const { lookup: resolve } = options as TcpSocketConnectOpts;
      resolve?.(target.hostname, { all: true }, answer);
    };
    const open = createGuardedConnector({ build, lookup, publicOnly: true, signal });
    expect(await outcomeOf(open, port)).toMatchObject({ message: 'no route' });
    expect(await outcomeOf(open, port)).toMatchObject({ name: 'AddressRefused', kind: 'loopback' });
    expect(tried).toEqual([[toLookupAddress('8.8.8.8')]]);
    expect(lookups).toBe(2);
    expect(hits).toEqual([]);
  });

  it('a connection whose remote address is refused is closed', async () => {
    const { port, hits } = await canary();
    let opened: Socket | undefined;
    const build: typeof buildConnector = () => (_target, callback) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => callback(null, socket));
      opened = socket;
    };
    const { signal } = new AbortController();
    const open = createGuardedConnector({ build, lookup: answering('8.8.8.8'), publicOnly: true, signal });
    expect(await outcomeOf(open, port)).toMatchObject({ name: 'AddressRefused', kind: 'loopback' });
    expect(opened?.destroyed).toBe(true);
    expect(hits).toEqual([]);
  });
});

describe('answers', () => {
  it('an answer of 64 KiB is accepted', async () => {
    const { port } = await listen((_request, response) => response.end('x'.repeat(LIMIT)));
    const answer = await guarded().send({ url: `http://127.0.0.1:${port}/`, method: 'GET' });
    expect(answer.body).toHaveLength(LIMIT);
  });

  it.each([
    ['at once', (response: ServerResponse) => response.end('x'.repeat(LIMIT + 1))],
    ['in chunks', (response: ServerResponse) => response.write('x'.repeat(LIMIT), () => response.end('x'))],
    [
      'without end',
      (response: ServerResponse) => {
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(4_096)));
        };
        response.on('drain', more);
        more();
      },
    ],
  ])('an answer of more than 64 KiB, sent %s, is cut off', async (_, send) => {
    const { port, hits } = await listen((__, response) => void send(response));
    const error = await failure(guarded().send({ url: `http://127.0.0.1:${port}/${CANARY}`, method: 'GET' }));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    expect(error.message).toBe(`127.0.0.1:${port} answered with more than 65536 bytes`);
    expect(everythingShown(error)).not.toContain(CANARY);
    await until(() => hits[0]?.socket.destroyed === true);
  });

  it.each<[string, (response: ServerResponse) => void, number?]>([
    ['is too long', (response) => void response.end('x'.repeat(LIMIT + 1))],
    [
      'is cut short',
      (response) => void response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy()),
    ],
    ['does not end in time', (response) => void response.write('x'), 50],
  ])('where the status alone counts, a body that %s is no failure', async (_, send, timeoutMs) => {
    const { port } = await listen((__, response) => send(response));
    const answer = await guarded({ timeoutMs }).send({
      url: `http://127.0.0.1:${port}/`,
      method: 'POST',
      statusOnly: true,
    });
    expect(answer).toEqual({ status: 200, body: Buffer.alloc(0) });
  });

  it('where the status alone counts, an answer without one is a failure', async () => {
    const { port } = await listen((request) => request.socket.end());
    const error = await failure(guarded().send({ url: `http://127.0.0.1:${port}/`, method: 'POST', statusOnly: true }));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
  });

  it('an answer that is missing or cut short is retryable', async () => {
    const { port } = await listen((request, response) => {
      if (request.url === '/reset') request.socket.resetAndDestroy();
      else if (request.url === '/end') request.socket.end();
      else if (request.url === '/short')
        response.writeHead(200, { 'content-length': 9 }).write('x', () => response.destroy());
      else request.socket.end('SSH-2.0-OpenSSH\r\n');
    });
    const requests = guarded();
    for (const path of ['reset', 'end', 'short', 'ssh']) {
      const error = await failure(requests.send({ url: `http://127.0.0.1:${port}/${path}`, method: 'GET' }));
      expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
      expect(error.message).toMatch(`The request to 127.0.0.1:${port} failed (`);
    }
  });

  it('a refused connection is retryable, and its error shows no path or query', async () => {
    const port = await deadPort();
    const url = `http://127.0.0.1:${port}/${CANARY}?${CANARY}`;
    const error = await failure(guarded().send({ url, method: 'GET' }));
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    expect(error.message).toBe(`The request to 127.0.0.1:${port} failed (Error ECONNREFUSED connect)`);
    expect(everythingShown(error)).not.toContain(CANARY);
  });
});

describe('timeouts', () => {
  const drip: RequestListener = (_request, response) => {
    const timer = setInterval(() => response.write('x'), 1);
    response.on('close', () => clearInterval(timer));
  };

  it.each<[string, RequestListener]>([
    ['silent', () => {}],
    ['dripping without end', drip],
  ])('a request to a server that is %s ends after 5 s', async (_, manner) => {
    const clock = new FakeClock();
    const { port, hits } = await listen(manner);
    const outcome = failure(guarded({ clock }).send({ url: `http://127.0.0.1:${port}/${CANARY}`, method: 'GET' }));
    await until(() => hits.length > 0);
    await clock.advance(4_999);
    expect(await Promise.race([outcome, 'pending'])).toBe('pending');
    await clock.advance(1);
    const error = await outcome;
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true });
    expect(error.message).toBe(`127.0.0.1:${port} did not answer within 5000 ms`);
    expect(everythingShown(error)).not.toContain(CANARY);
    expect(clock.pendingTimers).toBe(0);
    await until(() => hits[0]?.socket.destroyed === true);
  });

  it('the lookup counts towards the timeout, and no connection is made afterwards', async () => {
    const clock = new FakeClock();
    const { port, hits } = await listen(echoing);
    let found = (_addresses: LookupAddress[]): void => {};
    let isAsked = false;
    const lookup: Lookup = () => {
      isAsked = true;
      return new Promise((resolve) => {
        found = resolve;
      });
    };
    const requests = guarded({ clock, lookup, timeoutMs: 100 });
    const outcome = failure(requests.send({ url: `http://callback.test:${port}/`, method: 'GET' }));
    await until(() => isAsked);
    await clock.advance(100);
    expect(await outcome).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    found([toLookupAddress('127.0.0.1')]);
    await clock.advance(0);
    expect(hits).toEqual([]);
  });

  it('the TLS handshake counts towards the timeout', async () => {
    const clock = new FakeClock();
    const silent = createTcpServer(() => {});
    await listenOn(silent);
    cleanups.push(() => new Promise((resolve) => silent.close(resolve)));
    const { port } = silent.address() as AddressInfo;
    const outcome = failure(guarded({ clock }).send({ url: `https://127.0.0.1:${port}/`, method: 'GET' }));
    const accepted = new Promise<Socket>((resolve) => silent.once('connection', resolve));
    const socket = (await accepted).on('error', () => {}).resume();
    await clock.advance(5_000);
    expect((await outcome).message).toContain('did not answer within 5000 ms');
    await until(() => socket.destroyed);
  });

  it.each([0, -1, Number.NaN, 60_001])('a timeout of %s ms is rejected', (timeoutMs) => {
    expect(() => new GuardedRequests({ timeoutMs })).toThrow(TypeError);
  });
});

describe('signals', () => {
  it.each([new Error('enough'), 'enough', null])('a signal ends the request with its reason %s', async (reason) => {
    const clock = new FakeClock();
    const { port, hits } = await listen(() => {});
    const controller = new AbortController();
    const { signal } = controller;
    const asked = guarded({ clock }).send({ url: `http://127.0.0.1:${port}/`, method: 'GET', signal });
    const outcome = asked.catch((error: unknown) => error);
    await until(() => hits.length > 0);
    controller.abort(reason);
    expect(await outcome).toBe(reason);
    expect(clock.pendingTimers).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('a signal that is aborted during the lookup ends the request', async () => {
    const controller = new AbortController();
    const lookup: Lookup = () => {
      controller.abort(null);
      return new Promise(() => {});
    };
    const { signal } = controller;
    const asked = guarded({ lookup }).send({ url: 'http://callback.test/', method: 'GET', signal });
    await expect(asked).rejects.toBe(null);
  });

  it('a signal that is already aborted keeps the request from being sent', async () => {
    const { port, hits } = await listen(echoing);
    const signal = AbortSignal.abort('enough');
    const asked = guarded().send({ url: `http://127.0.0.1:${port}/`, method: 'GET', signal });
    await expect(asked).rejects.toBe('enough');
    expect(hits).toEqual([]);
  });
});

describe('close', () => {
  it('close ends requests under way with CLOSED, and later ones are rejected', async () => {
    const clock = new FakeClock();
    const { port, hits } = await listen(() => {});
    const requests = guarded({ clock });
    const ask = (): Promise<unknown> => requests.send({ url: `http://127.0.0.1:${port}/`, method: 'GET' });
    const asked = [1, 2].map(() => failure(ask()));
    await until(() => hits.length === 2);
    await requests.close();
    for (const error of await Promise.all(asked)) expect(error.code).toBe('CLOSED');
    expect((await failure(ask())).code).toBe('CLOSED');
    expect(clock.pendingTimers).toBe(0);
    expect(hits).toHaveLength(2);
  });

  it('close may be called twice and before any request', async () => {
    const requests = new GuardedRequests();
    await requests.close();
    await requests.close();
  });
});
