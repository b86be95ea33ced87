import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sparePort } from '../support/servers/server-controls.js';
import { programForTests } from '../support/servers/server-programs.js';

const PM2 = programForTests(['pm2'], 'the npm package pm2');
const SCRIPT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface Pm2Process {
  readonly pid: number;
  readonly pm2_env: {
    readonly status: string;
    readonly exec_mode: string;
    readonly restart_time: number;
    readonly pm_out_log_path: string;
    readonly pm_err_log_path: string;
  };
}

let home: string;
let port: number;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pm2-'));
  port = await sparePort();
});

afterEach(async () => {
  if (PM2 !== undefined) await pm2('kill');
  await rm(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

async function pm2(...args: readonly string[]): Promise<string> {
  // The variable that Kubernetes sets for a Service of this name is there too.
  const env = { ...process.env, PM2_HOME: home, WECHAT_TOKENS_PORT: 'tcp://10.0.0.1:80' };
  const { stdout } = await promisify(execFile)(PM2 as string, [...args], { env, cwd: home });
  return stdout;
}

/** Starts the server as its page describes, and waits until it answers. */
async function start(...options: readonly string[]): Promise<void> {
  const serve = ['serve', '--port', String(port), '--store', join(home, 'store')];
  await pm2('start', SCRIPT, '--name', 'tokens', '--kill-timeout', '40000', ...options, '--', ...serve);
  await expect.poll(status).toBe(200);
}

async function status(): Promise<unknown> {
  const headers = { Connection: 'close' };
  return fetch(`http://127.0.0.1:${port}/readyz`, { headers }).then((answer) => answer.status, String);
}

async function processes(): Promise<readonly Pm2Process[]> {
  const text = await pm2('jlist');
  return JSON.parse(text.slice(text.indexOf('[')));
}

async function messages({ pm2_env: { pm_out_log_path: path } }: Pm2Process): Promise<readonly string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line).message);
}

describe.runIf(PM2)('a server that pm2 runs', () => {
  test.each([
    ['fork_mode', []],
    ['cluster_mode', ['-i', '2']],
  ])('a server in %s starts, writes its log, and stops in order', async (mode, options) => {
    await start(...options);
    const running = await processes();
    expect(running.map(({ pm2_env }) => pm2_env.exec_mode)).toEqual(running.map(() => mode));
    expect(running).toHaveLength(options.length === 0 ? 1 : 2);
    await expect.poll(() => Promise.all(running.map(messages))).toEqual(running.map(() => ['started']));
    await pm2('stop', 'tokens');
    await expect
      .poll(() => Promise.all(running.map(messages)))
      .toEqual(running.map(() => ['started', 'stopping', 'stopped']));
    for (const { pm2_env } of await processes()) {
      expect(pm2_env).toMatchObject({ status: 'stopped', restart_time: 0 });
      const errors = await readFile(pm2_env.pm_err_log_path, 'utf8');
      expect(errors.split('\n')).toEqual([expect.stringContaining('WECHAT_TOKENS_PORT: ignored'), '']);
    }
  });

  test('two instances answer all the time while they are reloaded', async () => {
    await start('-i', '2');
    let isOver = false;
    const statuses = new Set<unknown>();
    const asking = (async () => {
      while (!isOver) statuses.add(await status());
    })();
    await pm2('reload', 'tokens');
    isOver = true;
    await asking;
    expect([...statuses]).toEqual([200]);
    expect((await processes()).map(({ pm2_env }) => pm2_env.restart_time)).toEqual([1, 1]);
  });

  test('a server replaces its process at the signal that pm2 passes on', async () => {
    await start();
    await pm2('sendSignal', 'SIGHUP', 'tokens');
    const [first] = await processes();
    await expect.poll(() => messages(first as Pm2Process)).toEqual(['started', 'reloading', 'reloaded']);
    expect(await status()).toBe(200);
    expect(await processes()).toMatchObject([{ pid: first?.pid }]);
  });
});
