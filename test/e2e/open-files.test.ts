import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('processes/out-of-files.mjs', import.meta.url));

test.skipIf(process.platform === 'win32')(
  'a process that had no file descriptor left at its first request to WeChat gets tokens once it has',
  async () => {
    const limited = ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, PROGRAM];
    const { stdout } = await promisify(execFile)('/bin/sh', limited, { timeout: 60_000 });
    expect(stdout).toBe('EMFILE UPSTREAM_UNAVAILABLE true TypeError EMFILE true TypeError ECONNREFUSED');
  },
);
