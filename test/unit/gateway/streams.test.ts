import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { CallReport } from '../../../src/http/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { GatewayWorld } from '../../support/worlds/gateway-world.js';
import { APPID } from '../../support/worlds/world.js';

describe('answers', () => {
  test('an answer that is not JSON is passed on from its first byte', async () => {
    await using world = await GatewayWorld.start();
    let finish: () => void = () => {};
    world.wechat.answering = (_request, response) => {
      response.write('first');
      finish = () => response.end('last');
    };
    const answer = await world.call('/cgi-bin/media/get');
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('first');
    finish();
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('last');
    expect((await reader.read()).done).toBe(true);
  });

  test('a caller that asks for more than has arrived gets the next piece when that arrives', async () => {
    await using world = await GatewayWorld.start();
    let finish: () => void = () => {};
    world.wechat.answering = (_request, response) => {
      response.writeHead(200, { 'content-length': 9 });
      response.write('first');
      finish = () => response.end('last');
    };
    const answer = await world.callByFetch('/cgi-bin/media/get');
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('first');
    const next = reader.read();
    finish();
    expect(Buffer.from((await next).value as Uint8Array).toString()).toBe('last');
    expect((await reader.read()).done).toBe(true);
  });

  test.each([65_536, 65_537])('a JSON answer of %i bytes arrives whole', async (length) => {
    await using world = await GatewayWorld.start();
    const text = `{"a":"${'x'.repeat(length - 8)}"}`;
    world.wechat.answering = (_request, response) => response.end(text);
    expect(await (await world.call('/cgi-bin/user/get')).text()).toBe(text);
  });

  test('a compressed error is recognized and sent as it came', async () => {
    await using world = await GatewayWorld.start();
    world.wechat.answering = ({ url }, response) => {
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(url.includes('TOKEN-1') ? '{"errcode":42001}' : '{"errcode":0,"n":2}'));
    };
    const answer = await world.call('/cgi-bin/user/get');
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(await answer.json()).toEqual({ errcode: 0, n: 2 });
  });

  test('an answer that states its encoding twice is passed on', async () => {
    await using world = await GatewayWorld.start();
    world.wechat.answering = (_request, response) => {
      response.setHeader('content-encoding', ['identity', 'identity']);
      response.end('{"errcode":0}');
    };
    const answer = await world.call('/cgi-bin/user/get');
    expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, 'identity, identity']);
    expect(await answer.text()).toBe('{"errcode":0}');
  });

  test('an answer that breaks in the middle is not taken for whole', async () => {
    await using world = await GatewayWorld.start();
    world.wechat.answering = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('half', () => response.destroy());
    };
    const answer = await world.call('/cgi-bin/media/get');
    await expect(answer.text()).rejects.toThrow();
  });

  test.each(['1.0', '1.1'])(
    'an answer of unknown length that breaks is not taken for whole over HTTP/%s',
    async (version) => {
      await using world = await GatewayWorld.start();
      world.wechat.answering = (_request, response) => response.write('half', () => response.destroy());
      const socket = world.connect();
      socket.write(
        `GET /proxy/${APPID}/cgi-bin/media/get HTTP/${version}\r\nHost: x\r\nAuthorization: Bearer ${world.key}\r\n\r\n`,
      );
      let answer = '';
      socket.on('data', (data) => {
        answer += String(data);
      });
      const reset = await new Promise<string | undefined>((resolve) => {
        socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
        socket.once('end', () => resolve(undefined));
      });
      expect(answer).toContain('half');
      if (version === '1.0') expect(reset).toBe('ECONNRESET');
      else expect(answer).not.toContain('\r\n0\r\n');
    },
  );

  test('a connection that breaks before the answer is a 502', async () => {
    await using world = await GatewayWorld.start();
    world.wechat.answering = (_request, response) => response.destroy();
    const answer = await world.call('/cgi-bin/user/get');
    expect(answer.status).toBe(502);
    expect(world.wechat.calls).toHaveLength(1);
  });

  test('a status that HTTP does not have is a 502', async () => {
    await using world = await GatewayWorld.start();
    world.wechat.onRequest = (request) => void request.socket.end('HTTP/1.1 700 Odd\r\nContent-Length: 0\r\n\r\n');
    expect((await world.call('/cgi-bin/user/get')).status).toBe(502);
  });

  test('compressed answers of many callers at once arrive', async () => {
    await using world = await GatewayWorld.start();
    const packed = gzipSync(Buffer.alloc(400_000, '{"a":1}'));
    world.wechat.answering = (_request, response) => response.setHeader('content-encoding', 'gzip').end(packed);
    const answers = Array.from({ length: 48 }, async () => (await world.call('/cgi-bin/user/get')).arrayBuffer());
    expect((await Promise.all(answers)).map(({ byteLength }) => byteLength)).toEqual(Array(48).fill(400_000));
  });

  test('every answer tells browsers not to store, sniff or run it', async () => {
    await using world = await GatewayWorld.start();
    world.wechat.answering = (_request, response) =>
      response
        .writeHead(200, {
          'content-type': 'text/html',
          'set-cookie': 'a=b',
          location: '/x',
          trailer: 'x',
          'x-own': '1',
        })
        .end('<p>');
    const { headers } = await world.call('/cgi-bin/media/get');
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "sandbox; default-src 'none'",
      'content-type': 'text/html',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    for (const name of ['set-cookie', 'location', 'trailer', 'x-own']) expect(headers.get(name)).toBeNull();
  });

  test('a caller that goes away ends the request to WeChat', async () => {
    await using world = await GatewayWorld.start();
    const ended = new Promise<void>((resolve) => {
      world.wechat.onRequest = (request) => {
        request.socket.once('close', () => resolve());
        caller.abort();
      };
    });
    const caller = new AbortController();
    await expect(world.call('/cgi-bin/user/get', { signal: caller.signal })).rejects.toThrow();
    await ended;
  });

  test('a caller that goes away in the middle of an answer ends it', async () => {
    await using world = await GatewayWorld.start();
    const caller = new AbortController();
    const ended = new Promise<void>((resolve) => {
      world.wechat.onRequest = (request, response) => {
        request.socket.once('close', () => resolve());
        response.write('x'.repeat(1_000));
      };
    });
    const answer = await world.call('/cgi-bin/media/get', { signal: caller.signal });
    caller.abort();
    await expect(answer.text()).rejects.toThrow();
    await ended;
  });

  test('a caller that goes away ends all the calls that it has sent at once', async () => {
    await using world = await GatewayWorld.start();
    const open = new Set<object>();
    world.wechat.onRequest = (request, response) => {
      open.add(request);
      request.socket.once('close', () => open.delete(request));
      if (request.url?.startsWith('/cgi-bin/media/get')) response.write('x'.repeat(1_000));
    };
    const caller = world.connect().on('error', () => {});
    const head = `HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer ${world.key}\r\n\r\n`;
    for (const path of ['user/get', 'media/get']) caller.write(`GET /proxy/${APPID}/cgi-bin/${path} ${head}`.repeat(8));
    await expect.poll(() => open.size).toBe(16);
    caller.resetAndDestroy();
    await expect.poll(() => open.size).toBe(0);
  });
});

describe('reports of calls', () => {
  test('an answer that breaks in the middle is reported as a failure', async () => {
    const reports: CallReport[] = [];
    await using world = await GatewayWorld.start({ handler: { onCall: (report) => reports.push(report) } });
    world.wechat.answering = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('half', () => response.destroy());
    };
    await (await world.call('/cgi-bin/media/get')).text().catch(() => {});
    await expect.poll(() => reports).toMatchObject([{ status: 200, bytes: 4, failure: expect.any(String) }]);
  });
});

describe('time limits', () => {
  test('a call is ended with 504 if nothing of the answer arrives within 30 s', async () => {
    const clock = new FakeClock();
    await using world = await GatewayWorld.start({ clock });
    const arrived = new Promise<void>((resolve) => {
      world.wechat.onRequest = () => resolve();
    });
    const answer = world.call('/cgi-bin/user/get');
    await arrived;
    await clock.advance(29_999);
    expect(await Promise.race([answer.then(() => 'answered'), Promise.resolve('waiting')])).toBe('waiting');
    await clock.advance(1);
    expect((await answer).status).toBe(504);
  });

  test.each([
    ['the caller', 1, 400, 'the body did not arrive in time'],
    ['WeChat', 50_000_000, 504, 'WeChat did not answer in time'],
  ])('a streamed call in which %s pauses for 60 s is answered with the truth', async (_name, sent, status, message) => {
    const clock = new FakeClock();
    await using world = await GatewayWorld.start({ clock });
    const reached = new Promise<void>((resolve) => {
      world.wechat.onRequest = () => resolve();
    });
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(new Uint8Array(sent)) });
    const headers = { 'content-length': '60000000' };
    const answer = world.callByFetch('/cgi-bin/media/upload', { method: 'POST', body, headers, duplex: 'half' });
    await reached;
    await clock.advance(60_000);
    expect([(await answer).status, await (await answer).text()]).toEqual([status, expect.stringContaining(message)]);
  });
});

describe('limits', () => {
  test('bodies that go on to arrive after their calls were answered take none of the memory of others', async () => {
    const clock = new FakeClock();
    await using world = await GatewayWorld.start({ clock });
    const pieces: ReadableStreamDefaultController<Uint8Array>[] = [];
    const late = Array.from({ length: 17 }, () => {
      const body = new ReadableStream<Uint8Array>({ start: (controller) => void pieces.push(controller) });
      return world.callByFetch('/cgi-bin/media/upload', { method: 'POST', body, duplex: 'half' });
    });
    for (const piece of pieces) piece.enqueue(new Uint8Array(1));
    await new Promise(setImmediate);
    await clock.advance(60_000);
    for (const answer of await Promise.all(late)) {
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('did not arrive in time')]);
    }
    for (const piece of pieces) piece.enqueue(new Uint8Array(1_000_000));
    await new Promise(setImmediate);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(1_000_000));
        controller.close();
      },
    });
    await world.callByFetch('/cgi-bin/media/upload', { method: 'POST', body, duplex: 'half' });
    expect(world.wechat.calls.map(({ headers }) => headers['content-length'])).toEqual(['1000000']);
  });

  test('the 65th concurrent call of an app is answered with 429 at once', async () => {
    await using world = await GatewayWorld.start();
    let arrived = 0;
    const all = new Promise<void>((resolve) => {
      world.wechat.onRequest = () => {
        arrived += 1;
        if (arrived === 64) resolve();
      };
    });
    const callers = new AbortController();
    const hanging = Array.from({ length: 64 }, () =>
      world.call('/cgi-bin/user/get', { signal: callers.signal }).catch(() => undefined),
    );
    await all;
    const answer = await world.call('/cgi-bin/user/get');
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '1']);
    callers.abort();
    await Promise.all(hanging);
    world.wechat.onRequest = undefined;
    await expect.poll(async () => (await world.call('/cgi-bin/user/get')).status).toBe(200);
  });

  test('callers that go away while their bodies are held make room for others, even if those bodies stay open', async () => {
    await using world = await GatewayWorld.start();
    const callers = new AbortController();
    const { signal } = callers;
    const hanging = Array.from({ length: 64 }, () => {
      const body = new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{')) });
      return world.callByFetch('/cgi-bin/user/get', { method: 'POST', body, duplex: 'half', signal });
    });
    expect((await world.callByFetch('/cgi-bin/user/get')).status).toBe(429);
    callers.abort();
    await Promise.allSettled(hanging);
    expect((await world.callByFetch('/cgi-bin/user/get')).status).toBe(200);
  });

  test('the calls of an app in a second are limited', async () => {
    await using world = await GatewayWorld.start({ handler: { callsPerSecondOfApp: 0.01 } });
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await world.call('/cgi-bin/user/get')).status);
    expect(statuses).toEqual([200, 429, 429]);
  });
});

describe('stale tokens', () => {
  test('a code that stays after the repeat replaces no further token for an hour', async () => {
    const clock = new FakeClock();
    await using world = await GatewayWorld.start({ clock });
    world.wechat.answering = (_request, response) => response.end('{"errcode":40001}');
    const call = async (): Promise<string> => (await world.call('/cgi-bin/user/get')).text();
    await call();
    expect([world.wechat.issued, world.wechat.calls.length]).toEqual([2, 2]);
    await clock.advance(3_599_999);
    await call();
    expect([world.wechat.issued, world.wechat.calls.length]).toEqual([2, 3]);
    await clock.advance(1);
    await call();
    expect([world.wechat.issued, world.wechat.calls.length]).toEqual([3, 5]);
  });

  test.each([
    ['whole again with the new token, if it is short', 'abc'.repeat(50_000), '{"errcode":0}', 2],
    ['once, and the code is passed on, if it is too long to be held', 'abc'.repeat(400_000), '{"errcode":40001}', 1],
  ])('a body without a length is sent %s', async (_name, text, expected, sent) => {
    await using world = await GatewayWorld.start();
    world.wechat.answering = ({ url }, response) =>
      response.end(url.includes('TOKEN-1') ? '{"errcode":40001}' : '{"errcode":0}');
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of text.match(/.{1,60000}/g) ?? []) controller.enqueue(Buffer.from(piece));
        controller.close();
      },
    });
    const answer = await world.call('/cgi-bin/media/upload', { method: 'POST', body, duplex: 'half' });
    expect(await answer.text()).toBe(expected);
    expect(world.wechat.calls.map((call) => call.body === text)).toEqual(new Array(sent).fill(true));
    expect(await (await world.call('/cgi-bin/user/get')).text()).toBe('{"errcode":0}');
    expect(world.wechat.issued).toBe(2);
  });

  test('calls use at most ten of the reports of an app in a day', async () => {
    const clock = new FakeClock();
    await using world = await GatewayWorld.start({ clock });
    const dead = new Set<string>();
    world.wechat.answering = ({ url }, response) => {
      const token = /access_token=([^&]+)/.exec(url)?.[1] ?? '';
      response.end(dead.has(token) ? '{"errcode":40001}' : '{"errcode":0}');
    };
    for (let round = 1; round <= 12; round++) {
      dead.add(await world.tokens.get(APPID, 'access_token'));
      await (await world.call(`/cgi-bin/path${round}`)).text();
      await clock.advance(60_000);
    }
    expect(world.wechat.issued).toBe(11);
  });
});
