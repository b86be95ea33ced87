import { once } from 'node:events';
import { Agent, type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HttpFront } from '../../../../../src/cli/serve/worker/http-front.js';
import { forThisMachine } from '../../../../../src/cli/serve/worker/loopback-guard.js';
import { FakeClock } from '../../../../../src/testing/fake-clock.js';

/** Requests that a test answers when it likes. */
let waiting: { readonly request: IncomingMessage; readonly response: ServerResponse }[];
let arrived: () => void;
let clock: FakeClock;
let front: HttpFront;
let listener: Server;
let sockets: Socket[];

const hold: RequestListener = (asked, response) => {
  if (asked.url === '/held') waiting.push({ request: asked, response });
  else response.end('at once');
  arrived();
};

beforeEach(async () => {
  waiting = [];
  sockets = [];
  arrived = () => {};
  clock = new FakeClock();
  front = new HttpFront(hold, { clock });
  listener = createServer((socket) => front.accept(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
});

afterEach(() => {
  for (const socket of sockets) socket.destroy();
  front.destroy();
  listener.close();
});

const port = (): number => (listener.address() as AddressInfo).port;

function open(): Socket {
  const socket = connect(port(), '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  return socket;
}

/** The next piece of what comes on a connection. */
async function piece(socket: Socket): Promise<string> {
  const [data] = await once(socket, 'data');
  return String(data);
}

async function said(written: string): Promise<string> {
  const socket = open();
  socket.write(written);
  return text(socket);
}

async function get(path: string, agent: Agent): Promise<IncomingMessage> {
  const asked = request({ host: '127.0.0.1', port: port(), path, agent });
  asked.end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return answer;
}

function nextRequest(): Promise<void> {
  return new Promise((resolve) => {
    arrived = resolve;
  });
}

describe('a connection', () => {
  it('a connection may carry many requests', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await get('/', agent);
    await get('/', agent);
    expect(front.connections).toBe(1);
    agent.destroy();
  });
});

describe('requests that are sent without waiting for the answers before', () => {
  const QUEUED = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10);

  /** Sends requests behind one that the test answers when it likes. */
  async function queued(): Promise<Socket> {
    const socket = open();
    const held = nextRequest();
    socket.write(`GET /held HTTP/1.1\r\nHost: x\r\n\r\n${QUEUED}`);
    await held;
    return socket;
  }

  it('the answers behind one that is not given yet are forgotten when the connection is closed', async () => {
    const socket = await queued();
    socket.resetAndDestroy();
    await vi.waitFor(() => expect(front.connections).toBe(0));
    expect(front.answers).toBe(0);
  });

  it('the answers behind one that is given late are sent after it', async () => {
    const socket = await queued();
    expect(front.answers).toBe(1);
    waiting[0]?.response.end('late');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect((await text(socket)).match(/late|at once/g)).toEqual([
      'late',
      ...Array.from({ length: 11 }, () => 'at once'),
    ]);
    expect(front.answers).toBe(0);
  });

  it('an answer that is still behind another when a drain begins announces the end of the connection', async () => {
    const socket = open();
    for (let asked = 0; asked < 2; asked += 1) {
      const held = nextRequest();
      socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
      await held;
    }
    const [first, second] = waiting;
    first?.response.writeHead(200, { 'Content-Length': 5 });
    const drained = front.drain('wait');
    first?.response.end('first');
    await once(socket, 'data');
    second?.response.end('second');
    expect(await text(socket)).toMatch(/Connection: close.*second$/s);
    await drained;
  });
});

describe('a client that does not read its response', () => {
  const LARGE = Buffer.alloc(16_777_216);

  beforeEach(() => {
    front = new HttpFront(hold, { unreadMs: 100 });
  });

  /** Asks for an answer that the test gives. */
  async function asking(): Promise<Socket> {
    const socket = open();
    socket.pause();
    const held = nextRequest();
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await held;
    return socket;
  }

  it('is closed after a while', { timeout: 5_000 }, async () => {
    await asking();
    const response = waiting[0]?.response as ServerResponse;
    response.end(LARGE);
    await once(response, 'close');
    await vi.waitFor(() => expect(front.connections).toBe(0));
  });

  it('is not closed while it reads a little now and then', async () => {
    // A stall of a busy machine is shorter than this limit, and the reading takes longer.
    front = new HttpFront(hold, { unreadMs: 1_000 });
    const socket = await asking();
    waiting[0]?.response.end(LARGE);
    let taken = 0;
    for await (const piece of socket) {
      taken += (piece as Buffer).length;
      await new Promise((resolve) => setTimeout(resolve, 8));
      if (taken > LARGE.length) break;
    }
    expect(taken).toBeGreaterThan(LARGE.length);
  });

  it('is not closed while it waits for the response', async () => {
    const socket = await asking();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(front.connections).toBe(1);
    waiting[0]?.response.end('late');
    expect(await piece(socket.resume())).toContain('late');
  });
});

describe('input that is not HTTP', () => {
  it.each([
    ['nonsense', 'NONSENSE\r\n\r\n', 'HTTP/1.1 400 Bad Request', 400],
    ['a header without a name', 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n', 'HTTP/1.1 400 Bad Request', 400],
    [
      'headers of 20 KiB',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`,
      'HTTP/1.1 431 Request Header Fields Too Large',
      431,
    ],
  ])('input that is not HTTP is answered and cut: %s', async (_name, written, line, status) => {
    const answer = await said(written);
    expect(answer.split('\r\n')[0]).toBe(line);
    expect(answer).toContain('Connection: close');
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status });
  });

  it('input that is not HTTP ends an answer that has begun, and adds nothing to it', async () => {
    const socket = open();
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await nextRequest();
    waiting[0]?.response.writeHead(200, { 'content-length': 100 }).write('begun');
    expect(await piece(socket)).toMatch(/begun$/);
    socket.write('NONSENSE\r\n\r\n');
    expect(await text(socket)).toBe('');
  });

  it('input that is not HTTP does no harm when its client has disconnected', async () => {
    const socket = open();
    await once(socket, 'connect');
    socket.write('GET / HT');
    socket.resetAndDestroy();
    expect(await said('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toContain('at once');
  });
});

describe('a drain', () => {
  it('a drain ends at once where there is no connection', async () => {
    await front.drain('wait');
    expect(front.connections).toBe(0);
  });

  it('a drain waits for a running request, and announces the end of the connection', async () => {
    const socket = open();
    const held = nextRequest();
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await held;
    const drained = front.drain('wait');
    waiting[0]?.response.writeHead(200, { 'Content-Type': 'text/plain' });
    waiting[0]?.response.end('late');
    const answer = await text(socket);
    expect(answer).toContain('late');
    expect(answer).toContain('Connection: close');
    await drained;
  });

  it('a drain lets an idle connection send one more request, which ends it', async () => {
    const socket = open();
    socket.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await piece(socket)).toContain('Connection: keep-alive');
    const drained = front.drain('wait');
    socket.write('GET /2 HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toContain('at once');
    expect(answer).toContain('Connection: close');
    await drained;
  });

  it('a quick drain closes idle connections, and no other', async () => {
    const [idle, silent, busy] = [open(), open(), open()];
    await once(silent, 'connect');
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await piece(idle);
    const held = nextRequest();
    busy.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await held;
    const drained = front.drain('close');
    await clock.advance(500);
    expect(await text(silent)).toBe('');
    expect(await text(idle)).toBe('');
    expect(front.connections).toBe(1);
    waiting[0]?.response.end('late');
    expect(await text(busy)).toContain('late');
    await drained;
  });

  it('a quick drain answers requests that are on their way', async () => {
    const [idle, silent] = [open(), open()];
    await once(silent, 'connect');
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await piece(idle);
    const drained = front.drain('close');
    await clock.advance(499);
    for (const socket of [idle, silent]) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const answers = await Promise.all([text(idle), text(silent)]);
    expect(answers).toEqual([expect.stringContaining('at once'), expect.stringContaining('at once')]);
    await drained;
  });

  it('a drain ends with the last connection when they are cut', async () => {
    const socket = open();
    const held = nextRequest();
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await held;
    const drained = front.drain('wait');
    front.destroy();
    await drained;
    expect(front.connections).toBe(0);
  });
});

describe('a peer with half of the connections', () => {
  let isAccepted: boolean;
  let refused: number;

  beforeEach(() => {
    isAccepted = false;
    refused = 0;
    front = new HttpFront(hold, {
      maxConnections: 6,
      isAccepted: (network) => network === '127.0.0.1' && isAccepted,
      onRefused: () => {
        refused += 1;
      },
    });
  });

  /** Opens a connection that stays open once it has been answered, and says whether it has. */
  function isAnswered(): Promise<boolean> {
    const socket = open();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
  }

  async function answered(times: number): Promise<boolean[]> {
    const found: boolean[] = [];
    for (let time = 0; time < times; time++) found.push(await isAnswered());
    return found;
  }

  it('a peer with half of the connections gets no more without a recent accepted request', async () => {
    expect(await answered(5)).toEqual([true, true, true, false, false]);
    expect([front.connections, refused]).toEqual([3, 2]);
  });

  it('a peer with half of the connections may have all of them after an accepted request', async () => {
    await answered(3);
    isAccepted = true;
    expect(await answered(4)).toEqual([true, true, true, false]);
    expect([front.connections, refused]).toEqual([6, 0]);
  });

  it('a peer with half of the connections gets another when one of them has ended', async () => {
    await answered(3);
    const [first] = sockets;
    first?.destroy();
    await expect.poll(() => front.connections).toBe(2);
    expect(await answered(2)).toEqual([true, false]);
  });
});

describe('a server whose connections are all taken', () => {
  let accepted: Set<object>;
  let refused: number;

  beforeEach(() => {
    accepted = new Set();
    refused = 0;
    const listens: RequestListener = (request, response) => {
      if (request.url === '/accepted') accepted.add(request.socket);
      if (request.url !== '/looked-up') response.end('at once');
      else {
        setImmediate(() => {
          accepted.add(request.socket);
          response.end('later');
        });
      }
    };
    front.destroy();
    front = new HttpFront(listens, {
      maxConnections: 3,
      hasAccepted: (connection) => accepted.has(connection),
      onRefused: () => void (refused += 1),
    });
  });

  async function answered(path: string): Promise<Socket> {
    const socket = open();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await piece(socket);
    return socket;
  }

  it('a new connection to a full server replaces the oldest one without an accepted request', async () => {
    const first = await answered('/accepted');
    const [second, third] = [await answered('/'), await answered('/')];
    const closed = once(second, 'close');
    const fourth = await answered('/accepted');
    await closed;
    expect([first, third, fourth].map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
    expect([front.connections, refused]).toEqual([3, 1]);
  });

  it('a full server keeps a connection whose request was let in after a look-up', async () => {
    const first = await answered('/looked-up');
    const [second, third] = [await answered('/'), await answered('/')];
    const closed = once(second, 'close');
    await answered('/');
    await closed;
    expect([first, third].map(({ destroyed }) => destroyed)).toEqual([false, false]);
  });

  it('a full server closes a new connection where all others have had an accepted request', async () => {
    for (let time = 0; time < 3; time++) await answered('/accepted');
    expect(await said('GET /accepted HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    expect([front.connections, refused]).toEqual([3, 0]);
  });
});

describe('a connection that sends many requests at once', () => {
  const together = (times: number, path = '/'): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(times);
  let asked: number;
  let accepted: Set<object>;
  let refused: number;

  beforeEach(() => {
    asked = 0;
    accepted = new Set();
    refused = 0;
    const listens: RequestListener = (request, response) => {
      asked += 1;
      if (request.url === '/accepted') accepted.add(request.socket);
      response.end('at once');
    };
    front.destroy();
    front = new HttpFront(listens, {
      hasAccepted: (connection) => accepted.has(connection),
      onRefused: () => void (refused += 1),
    });
  });

  it('a connection with many rejected requests is closed, and no other of its peer is', async () => {
    const [idle, good] = [open(), open()];
    good.write(together(1, '/accepted'));
    await Promise.all([once(idle, 'connect'), once(good, 'data')]);
    await expect.poll(() => front.connections).toBe(2);
    await said(together(1_000));
    expect([asked, refused]).toEqual([17, 1]);
    good.write(together(100));
    await expect.poll(() => asked).toBe(117);
    idle.write(together(1, '/accepted'));
    expect(await piece(idle)).toContain('at once');
    expect(front.connections).toBe(2);
  });

  it.each([
    ['requests', together(16)],
    ['headers', `GET / HTTP/1.1\r\nHost: x\r\n${'a:\r\n'.repeat(2_000)}\r\n`],
  ])('a peer has few of its connections with many %s read in one turn', async (_, written) => {
    const turns: number[] = [];
    const connections = Array.from({ length: 12 }, open);
    await expect.poll(() => front.connections).toBe(12);
    await new Promise<void>((resolve) => {
      for (const socket of connections) socket.write(written);
      const look = (): void => {
        turns.push(asked);
        if (asked < 12 * (written.match(/GET/g)?.length ?? 0)) setImmediate(look);
        else resolve();
      };
      look();
    });
    const most = Math.max(...turns.map((count, turn) => count - (turns[turn - 1] ?? 0)));
    expect(most).toBeLessThanOrEqual(3 * (written.match(/GET/g)?.length ?? 0));
    expect([refused, front.connections]).toEqual([0, 12]);
  });

  it('a connection with many requests is answered once one of them was accepted', async () => {
    const socket = open();
    socket.write(together(1_000, '/accepted'));
    await expect.poll(() => asked).toBe(1_000);
    expect([refused, front.connections]).toEqual([0, 1]);
  });

  it('a connection with few requests at a time is answered, however many follow', async () => {
    const socket = open();
    for (let piece = 1; piece <= 5; piece++) {
      socket.write(together(16));
      await expect.poll(() => asked).toBe(16 * piece);
    }
    expect(refused).toBe(0);
  });
});

describe('a body in pieces', () => {
  const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
  const chunks = (size: number, count: number): string =>
    `${size.toString(16)}\r\n${'a'.repeat(size)}\r\n`.repeat(count);
  const END = '0\r\n\r\n';
  let accepted: Set<object>;
  let refused: number;
  let bytes: number;

  beforeEach(() => {
    accepted = new Set();
    refused = 0;
    bytes = 0;
    const listens: RequestListener = (request, response) => {
      if (request.url === '/accepted') accepted.add(request.socket);
      request.on('data', (data: Buffer) => {
        bytes += data.length;
      });
      request.on('end', () => response.end('read'));
    };
    front.destroy();
    front = new HttpFront(listens, {
      hasAccepted: (connection) => accepted.has(connection),
      onRefused: () => void (refused += 1),
    });
  });

  it.each([
    ['a thousand of a byte', 1, 1_000],
    ['thousands of twenty bytes', 20, 3_000],
    ['hundreds of a hundred bytes', 100, 600],
  ])('a body in %s is read', async (_, size, count) => {
    expect(await said(CHUNKED + chunks(size, count) + END)).toContain('read');
    expect([bytes, refused]).toEqual([size * count, 0]);
  });

  it.each(['/', '/accepted'])(
    'a connection whose body at %s is in thousands of tiny pieces is closed',
    async (path) => {
      expect(await said(CHUNKED.replace('/', path) + chunks(1, 10_000) + END)).toBe('');
      expect(refused).toBe(1);
      expect(bytes).toBeLessThan(1_100);
    },
  );

  it('a peer has few of its connections with bodies in many pieces read in one turn', async () => {
    const body = chunks(20, 2_000);
    const turns: number[] = [];
    const connections = Array.from({ length: 12 }, open);
    await expect.poll(() => front.connections).toBe(12);
    await new Promise<void>((resolve) => {
      for (const socket of connections) socket.write(CHUNKED + body + END);
      const look = (): void => {
        turns.push(bytes);
        if (bytes < 12 * 40_000) setImmediate(look);
        else resolve();
      };
      look();
    });
    const most = Math.max(...turns.map((count, turn) => count - (turns[turn - 1] ?? 0)));
    expect(most).toBeLessThanOrEqual(3 * 40_000);
    expect(refused).toBe(0);
  });
});

describe('a request with thousands of headers', () => {
  it('a request with thousands of headers is checked to its last one, which a proxy may have added', async () => {
    front.destroy();
    front = new HttpFront(forThisMachine(hold), { clock });
    const fillers = 'a:\r\n'.repeat(3_000);
    const asked = `GET / HTTP/1.1\r\nHost: localhost\r\n${fillers}X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n`;
    expect(await said(asked)).toMatch(/^HTTP\/1\.1 403 .*this request came through a proxy/s);
  });
});
