import { PassThrough, Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { Response as NodeFetchResponse } from 'node-fetch';
import { describe, expect, test } from 'vitest';
import {
  type ForeignResponse,
  isBlob,
  isResponse,
  readBeginning,
  readBlob,
} from '../../../../src/core/calls/response-beginning.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const headers = { 'content-type': 'application/json' };
const STALE = '{"errcode":40001}';
const isWhole = (beginning: string): boolean => beginning.endsWith('}');

/** A stream of the Web that is fed by hand. */
function fedStream() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
  });
  return {
    stream,
    feed: (text: string) => controller.enqueue(Buffer.from(text)),
    end: () => controller.close(),
    fail: (error: Error) => controller.error(error),
  };
}

function pipedBody() {
  const stream = new PassThrough({ highWaterMark: 16_384 });
  return { stream, response: new NodeFetchResponse(stream, { headers }) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a response with a stream of the Web', () => {
  test('a Web response is read until it is enough, and can still be read as a whole', async () => {
    const { stream, feed, end } = fedStream();
    const response = new Response(stream, { headers });
    const reading = readBeginning(response, isWhole, { clock: new FakeClock() });
    feed('{"errcode":');
    feed('40001}');
    expect(await reading).toBe(STALE);
    feed('\n');
    end();
    expect(response.bodyUsed).toBe(false);
    expect(await response.text()).toBe(`${STALE}\n`);
  });

  test.each([
    [4_999, 'pending'],
    [5_000, ''],
    [5_001, ''],
  ])('a Web response whose body stalls is abandoned after 5 s: %i ms', async (ms, expected) => {
    const clock = new FakeClock();
    const { stream, feed, end } = fedStream();
    const response = new Response(stream, { headers });
    feed('{"errcode":');
    let seen = 'pending';
    const reading = readBeginning(response, isWhole, { clock }).then((text) => {
      seen = text;
    });
    await settle();
    await clock.advance(ms);
    await settle();
    expect(seen).toBe(expected);
    feed('40001}');
    end();
    await reading;
    expect(clock.pendingTimers).toBe(0);
    expect(await response.text()).toBe(STALE);
  });

  test('reading a Web response stops when the signal of the call is aborted', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const reading = readBeginning(new Response(fedStream().stream, { headers }), isWhole, {
      clock,
      signal: controller.signal,
    });
    await settle();
    controller.abort();
    expect([await reading, clock.pendingTimers]).toEqual(['', 0]);
  });

  test('a Web response that fails leaves its error to the caller', async () => {
    const { stream, feed, fail } = fedStream();
    const response = new Response(stream, { headers });
    feed('{');
    const reading = readBeginning(response, isWhole, { clock: new FakeClock() });
    await settle();
    fail(new Error('cut off'));
    expect(await reading).toBe('');
    await expect(response.text()).rejects.toThrow('cut off');
  });

  test.each([
    ['says that it is longer', { ...headers, 'content-length': '65537' }, STALE],
    ['is longer', headers, `{${' '.repeat(65_536)}}`],
    ['is a stream of events', { 'content-type': 'text/event-stream' }, STALE],
  ])('a Web response that %s than may be read is left alone', async (_, given, body) => {
    const response = new Response(body, { headers: given });
    expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe('');
    expect(await response.text()).toBe(body);
  });

  test.each([{}, { 'content-type': 'text/html' }, { 'content-type': 'application/octet-stream' }])(
    'a Web response is read whatever type it has, and can still be read as a whole: %j',
    async (given) => {
      const response = new Response(Buffer.from(STALE), { headers: given });
      expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe(STALE);
      expect(await response.text()).toBe(STALE);
    },
  );

  test('a Web response that is locked by a reader is left alone', async () => {
    const response = new Response(STALE, { headers });
    const reader = response.body?.getReader();
    expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe('');
    expect((await reader?.read())?.done).toBe(false);
  });

  test.each([null, undefined, ''])('a response with the body %j has no beginning', async (body) => {
    expect(await readBeginning(new Response(body, { headers }), isWhole, { clock: new FakeClock() })).toBe('');
  });
});

describe('a response with a stream of Node', () => {
  test('a Node response is read until it is enough, and can still be read as a whole', async () => {
    const { stream, response } = pipedBody();
    const reading = readBeginning(response, isWhole, { clock: new FakeClock() });
    stream.write('{"errcode":');
    await settle();
    stream.write('40001}');
    expect(await reading).toBe(STALE);
    stream.end('\n');
    expect(response.bodyUsed).toBe(false);
    expect(await response.text()).toBe(`${STALE}\n`);
  });

  test('a Node response made of text can still be read as a whole', async () => {
    const response = new NodeFetchResponse(STALE, { headers });
    expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe(STALE);
    expect(await response.json()).toEqual({ errcode: 40_001 });
  });

  test('a Node response is read as far as it buffers, and not blocked beyond that', async () => {
    const { stream, response } = pipedBody();
    const body = `{"list":"${'x'.repeat(50_000)}"}`;
    Readable.from([Buffer.from(body.slice(0, 16_384)), Buffer.from(body.slice(16_384))]).pipe(stream);
    expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toHaveLength(16_384);
    expect(await response.text()).toBe(body);
  });

  test('a Node response whose body stalls is abandoned after 5 s, without a timer or a listener left', async () => {
    const clock = new FakeClock();
    const { stream, response } = pipedBody();
    const before = stream.eventNames();
    const reading = readBeginning(response, isWhole, { clock });
    stream.write('{"errcode":');
    await settle();
    await clock.advance(5_000);
    expect(await reading).toBe('');
    expect([clock.pendingTimers, stream.listenerCount('readable'), stream.eventNames()]).toEqual([0, 0, before]);
    stream.end('40001}');
    expect(await response.text()).toBe(STALE);
  });

  test('a Node response that breaks leaves its error to the caller', async () => {
    const { stream, response } = pipedBody();
    stream.write('{');
    const reading = readBeginning(response, isWhole, { clock: new FakeClock() });
    await settle();
    stream.destroy(new Error('cut off'));
    expect(isWhole(await reading)).toBe(false);
    await expect(response.text()).rejects.toThrow('cut off');
  });

  test('a Node response that ends without a body has no beginning', async () => {
    const { stream, response } = pipedBody();
    stream.end();
    expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe('');
    expect(await response.text()).toBe('');
  });

  test('a Node response that already has a reader is left alone', async () => {
    const { stream, response } = pipedBody();
    const chunks: string[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    stream.end(STALE);
    expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe('');
    await settle();
    expect(chunks).toEqual([STALE]);
  });
});

/** Returns a response of a package whose responses have their whole body in memory. */
function polyfill(given: Partial<ForeignResponse> = {}): ForeignResponse {
  return {
    status: 200,
    bodyUsed: false,
    headers: new Headers(headers),
    clone: () => polyfill(given),
    text: async () => STALE,
    ...given,
  };
}

test('a response of a polyfill without streams is read by its text', async () => {
  expect(await readBeginning(polyfill(), isWhole, { clock: new FakeClock() })).toBe(STALE);
  expect(await readBeginning(polyfill({ bodyUsed: true }), isWhole, { clock: new FakeClock() })).toBe('');
});

test.each<[string, unknown, boolean]>([
  ['a Response', new Response(), true],
  ['a Response of node-fetch', new NodeFetchResponse(), true],
  ['a Request', new Request('http://127.0.0.1'), false],
  [
    'an object with the names',
    runInNewContext('({ status: 200, bodyUsed: false, headers: {}, clone: 1, text: 1 })'),
    false,
  ],
  ['an object that does not say whether its body was used', { ...polyfill(), bodyUsed: undefined }, false],
  ['null', null, false],
])('isResponse tells %s', (_, value, expected) => {
  expect(isResponse(value)).toBe(expected);
});

test.each([
  ['application/json; of=text/event-stream', STALE],
  [' text/event-stream', ''],
  ['Multipart/mixed', ''],
])('whether a response of a polyfill is a stream of events is seen by its content type %j', async (type, expected) => {
  const response = polyfill({ headers: { get: (name) => (name === 'content-type' ? type : null) } });
  expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe(expected);
});

test('a response whose copy is a stream of something other than bytes has no beginning', async () => {
  const body = () => Readable.toWeb(Readable.from(['{', Buffer.from(STALE)]));
  const response = polyfill({ clone: () => polyfill({ body: body() }) });
  expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe('');
});

test.each([
  [65_536, true],
  [65_537, false],
])('a Web response of %i bytes is read: %s', async (length, isRead) => {
  const body = `{${' '.repeat(length - 2)}}`;
  const reading = { clock: new FakeClock() };
  const labelled = new Response(body, { headers: { ...headers, 'content-length': String(length) } });
  expect(await readBeginning(new Response(body, { headers }), isWhole, reading)).toBe(isRead ? body : '');
  expect(await readBeginning(labelled, isWhole, reading)).toBe(isRead ? body : '');
});

test('the beginning of a Web response contains a character that two chunks share', async () => {
  const bytes = Buffer.from('{"errmsg":"微"}');
  const body = Readable.toWeb(Readable.from([bytes.subarray(0, 12), bytes.subarray(12)]));
  const response = new Response(body as ReadableStream, { headers });
  expect(await readBeginning(response, isWhole, { clock: new FakeClock() })).toBe('{"errmsg":"微"}');
});

test('nothing holds the body of a Web response that stalls once reading it has stopped', async () => {
  let isCancelled = false;
  const body = new ReadableStream({
    cancel() {
      isCancelled = true;
    },
  });
  const controller = new AbortController();
  const response = new Response(body, { headers });
  const reading = readBeginning(response, isWhole, { clock: new FakeClock(), signal: controller.signal });
  await settle();
  controller.abort();
  expect(await reading).toBe('');
  await response.body?.cancel();
  expect(isCancelled).toBe(true);
});

test.each(['signal', 'closing'])('no body is read once the %s is aborted', async (name) => {
  const reading = { clock: new FakeClock(), [name]: AbortSignal.abort() };
  let reads = 0;
  const text = async (): Promise<string> => {
    reads += 1;
    return STALE;
  };
  expect(await readBeginning(polyfill({ clone: () => polyfill({ text }) }), isWhole, reading)).toBe('');
  expect(await readBlob({ size: 5, text }, reading)).toBe('');
  expect(reads).toBe(0);
});

describe('blobs', () => {
  const blob = (): object => ({ size: 5, type: '', slice() {}, stream() {}, text() {}, arrayBuffer() {} });

  test.each(['size', 'type', 'slice', 'stream', 'text', 'arrayBuffer'])(
    'blobs are recognized by all of their members, so not without %s',
    (name) => {
      expect([isBlob(new Blob([])), isBlob(blob())]).toEqual([true, true]);
      expect(isBlob({ ...blob(), [name]: undefined })).toBe(false);
    },
  );

  test.each([
    [65_536, STALE],
    [65_537, ''],
  ])('blobs are read up to 64 KiB: %i bytes', async (size, expected) => {
    expect(await readBlob({ size, text: async () => STALE }, { clock: new FakeClock() })).toBe(expected);
  });
});
