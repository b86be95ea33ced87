import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('processes/out-of-files.mjs', import.meta.url));

test.skipIf(process.platform === 'win32')(
  'a process that had no file descriptor left at its first request to WeChat gets tokens once it has one again',
  async () => {
    const limited = ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, PROGRAM];
    const { stdout } = await promisify(execFile)('/bin/sh', limited, { timeout: 60_000 });
    expect(JSON.parse(stdout)).toEqual({
      reason: 'EMFILE',
      asked: 'UPSTREAM_UNAVAILABLE',
      called: ['TypeError', 'EMFILE'],
      isValid: true,
      calledLater: ['TypeError', 'ECONNREFUSED'],
    });
  },
);
