import { EventEmitter, getEventListeners } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { isUnreadNodeStream, type NodeStream, peekNodeStream } from '../../../../src/core/calls/node-stream-peek.js';

const never = (): boolean => false;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A stream of a package that emits only what a test lets it emit. */
class QuietStream extends EventEmitter implements NodeStream {
  readonly readableHighWaterMark = 16;
  readonly #chunks: unknown[] = [];

  get readableLength(): number {
    return this.#chunks.length;
  }

  push(...chunks: unknown[]): void {
    this.#chunks.push(...chunks);
    this.emit('readable');
  }

  read(): unknown {
    return this.#chunks.shift() ?? null;
  }

  unshift(chunk: unknown): void {
    this.#chunks.unshift(chunk);
  }
}

describe('isUnreadNodeStream', () => {
  const unread = (): object => ({
    read() {},
    unshift() {},
    on() {},
    off() {},
    readableLength: 0,
    readableHighWaterMark: 16_384,
    readableFlowing: null,
    readableDidRead: false,
    destroyed: false,
  });

  test('isUnreadNodeStream accepts a stream that nothing has read', () => {
    expect([isUnreadNodeStream(new PassThrough()), isUnreadNodeStream(unread())]).toEqual([true, true]);
  });

  test.each<[string, unknown]>([
    ['read', undefined],
    ['unshift', undefined],
    ['on', undefined],
    ['off', undefined],
    ['readableLength', undefined],
    ['readableHighWaterMark', undefined],
    ['readableFlowing', true],
    ['readableFlowing', false],
    ['readableDidRead', true],
    ['readableDidRead', undefined],
    ['destroyed', true],
    ['destroyed', undefined],
  ])('isUnreadNodeStream does not accept a stream whose %s is %s', (name, value) => {
    expect(isUnreadNodeStream({ ...unread(), [name]: value })).toBe(false);
  });

  test.each([undefined, null, 'read', []])('isUnreadNodeStream does not accept %j', (value) => {
    expect(isUnreadNodeStream(value)).toBe(false);
  });
});

describe('the beginning of a Node stream', () => {
  test('the beginning of a stream of text is its text, which is still there to read', async () => {
    const stream = new PassThrough();
    stream.setEncoding('utf8');
    const beginning = peekNodeStream(stream, (text) => text.length >= 2, new AbortController().signal);
    stream.write('微信');
    expect(await beginning).toBe('微信');
    expect(stream.read()).toBe('微信');
  });

  test('the beginning of a stream of chunks contains a character that two of them share', async () => {
    const bytes = Buffer.from('a微b');
    const stream = Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]);
    const beginning = await peekNodeStream(stream, (text) => text.endsWith('b'), new AbortController().signal);
    expect(beginning).toBe('a微b');
    expect(Buffer.concat(await stream.toArray())).toEqual(bytes);
  });

  test.each(['end', 'error', 'close'])('the beginning of a Node stream is read until its %s event', async (event) => {
    const stream = new QuietStream();
    const { signal } = new AbortController();
    const beginning = peekNodeStream(stream, never, signal);
    stream.push('{');
    stream.emit(event);
    expect(await beginning).toBe('{');
    expect([stream.eventNames(), getEventListeners(signal, 'abort')]).toEqual([[], []]);
  });

  test('the beginning of a Node stream ends where the stream is readable without anything to read', async () => {
    const stream = new QuietStream();
    const beginning = peekNodeStream(stream, never, new AbortController().signal);
    stream.push();
    expect(await beginning).toBe('');
  });

  test('a Node stream that is readable again with what was put back is not read again', async () => {
    const stream = new QuietStream();
    const seen: string[] = [];
    const isEnough = (text: string): boolean => seen.push(text) === 2;
    const beginning = peekNodeStream(stream, isEnough, new AbortController().signal);
    stream.push('{');
    stream.push();
    await settle();
    stream.push('}');
    expect(await beginning).toBe('{}');
    expect(seen).toEqual(['{', '{}']);
  });

  test('the beginning of a Node stream is read no longer once the signal is aborted', async () => {
    const stream = new QuietStream();
    const controller = new AbortController();
    const beginning = peekNodeStream(stream, never, controller.signal);
    stream.push('{');
    controller.abort();
    expect([await beginning, stream.eventNames()]).toEqual(['{', []]);
  });

  test('the beginning of a Node stream is read until its buffer is full', async () => {
    const stream = new QuietStream();
    const beginning = peekNodeStream(stream, never, new AbortController().signal);
    stream.push(...'x'.repeat(15));
    stream.push('x');
    expect(await beginning).toBe('x'.repeat(16));
  });

  test('a chunk of a Node stream that is neither text nor bytes has no text', async () => {
    const stream = new QuietStream();
    const beginning = peekNodeStream(stream, (text) => text !== '', new AbortController().signal);
    stream.push({ errcode: 40_001 }, 'x');
    expect(await beginning).toBe('x');
  });
});
