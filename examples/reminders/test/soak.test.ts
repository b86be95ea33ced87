import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { NO_REDIS, skips } from './support/redis.js';

const SOAK = fileURLToPath(new URL('../dist/demo/soak.js', import.meta.url));

describe.skipIf(skips)(`the whole service${skips ? `: ${NO_REDIS}` : ''}`, () => {
  test('each occurrence is recorded and none is sent twice, with four kills of a worker and one of Redis', async () => {
    const env = { ...process.env, SOAK_USERS: '60', SOAK_SECONDS: '20', SOAK_KILLS: '4' };
    // A soak that fails exits with status 1. Its table says why, and so belongs to the message.
    const { stdout } = await promisify(execFile)(process.execPath, [SOAK], { env }).catch((error) => error);
    expect(stdout.match(/^FAILS .*$/gm), stdout).toBeNull();
    expect(stdout.match(/^holds .*$/gm)).toHaveLength(7);
  }, 180_000);
});
