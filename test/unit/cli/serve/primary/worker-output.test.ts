import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { passLines } from '../../../../../src/cli/serve/primary/worker-output.js';

let stream: PassThrough;
let lines: string[];

beforeEach(() => {
  stream = new PassThrough();
  lines = [];
  passLines(stream, (line) => lines.push(line));
});

describe('what a process that answers writes', () => {
  it('is passed on in whole lines, whatever the pieces are that it comes in', async () => {
    const bytes = Buffer.from('one\ntwo 微信\nthree\n');
    for (const byte of bytes) {
      stream.write(Buffer.of(byte));
      await turn();
    }
    expect(lines).toEqual(['one', 'two 微信', 'three']);
  });

  it('ends with what has no line break', async () => {
    stream.end('one\nlast words');
    await turn();
    await turn();
    expect(lines).toEqual(['one', 'last words']);
  });

  it('is not kept when it is one endless line', async () => {
    for (let piece = 0; piece < 10; piece += 1) stream.write('x'.repeat(16_384));
    await turn();
    expect(lines.join('').length).toBeGreaterThan(100_000);
  });

  it('may break', async () => {
    stream.write('one\n');
    await turn();
    stream.destroy(new Error('EIO'));
    await turn();
    expect(lines).toEqual(['one']);
  });
});
