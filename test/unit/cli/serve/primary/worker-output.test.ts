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

describe('the output of the process that answers', () => {
  it('the output is passed on in whole lines, whatever its pieces are', async () => {
    const bytes = Buffer.from('one\ntwo 微信\nthree\n');
    for (const byte of bytes) {
      stream.write(Buffer.of(byte));
      await turn();
    }
    expect(lines).toEqual(['one', 'two 微信', 'three']);
  });

  it('the last line of the output may have no line break', async () => {
    stream.end('one\nlast words');
    await turn();
    await turn();
    expect(lines).toEqual(['one', 'last words']);
  });

  it('an endless line of the output is not kept', async () => {
    for (let piece = 0; piece < 10; piece += 1) stream.write('x'.repeat(16_384));
    await turn();
    expect(lines.join('').length).toBeGreaterThan(100_000);
  });

  it('the output may break', async () => {
    stream.write('one\n');
    await turn();
    stream.destroy(new Error('EIO'));
    await turn();
    expect(lines).toEqual(['one']);
  });
});
