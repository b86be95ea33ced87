import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { table } from '../../examples/demo/log.js';
import { DEMO_KEYS, type DemoKey } from '../../examples/demo/messages.js';
import { Readings } from '../../examples/demo/readings.js';
import { askWeChat } from '../../examples/demo/real-wechat.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'canary-secret';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = join(ROOT, 'build/demo-test');

const where = vi.hoisted(() => ({ origin: '' }));

vi.mock('wechat-token-manager', async (importOriginal) => {
  const original = await importOriginal<typeof import('wechat-token-manager')>();
  class TokenManagerOfTheFake extends original.TokenManager {
    constructor() {
      super({ wechat: { origins: [where.origin] } });
    }
  }
  return { ...original, TokenManager: TokenManagerOfTheFake };
});

describe('the readings', () => {
  const key = DEMO_KEYS[0] as DemoKey;

  function read(readings: Readings, process: string, at: number, isGood: boolean): void {
    readings.add(process, key, { at, waitedMs: at / 100, isGood });
  }

  test('the invalid time lasts from the first bad get of a process to its next good one', () => {
    const readings = new Readings();
    read(readings, 'A', 1_000, true);
    read(readings, 'A', 1_050, false);
    read(readings, 'B', 1_060, true);
    read(readings, 'A', 1_100, false);
    read(readings, 'A', 1_170, true);
    read(readings, 'A', 1_200, true);
    expect(readings.of(key)).toEqual({ gets: 6, bad: 2, slowestMs: 12, longestInvalidMs: 120 });
    expect(readings.total()).toEqual({ gets: 6, bad: 2 });
  });

  test('a bad get that nothing follows is not hidden', () => {
    const readings = new Readings();
    read(readings, 'A', 1_000, false);
    expect(readings.of(key).longestInvalidMs).toBe(1);
  });

  test('the readings are shown in columns', () => {
    expect(table(['key', 'gets'], [['a-key', '7']])).toBe('key     gets\n-----   ----\na-key      7');
  });
});

describe('the demo with credentials', () => {
  let wechat: FakeWeChat;

  beforeEach(async () => {
    wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
    where.origin = wechat.origin;
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await wechat.close();
  });

  test('the demo asks once in stable mode, and prints only when the token expires', async () => {
    const print = vi.spyOn(console, 'log').mockReturnValue();
    expect(await askWeChat(APPID, SECRET)).toBe(0);
    expect(wechat.calls).toMatchObject([{ path: '/cgi-bin/stable_token', forced: false }]);
    expect(print.mock.calls).toEqual([
      [expect.stringMatching(/^WeChat gave wx0123456789abcdef an access_token\. It ends in (7199|7200) s, at \S+Z\.$/)],
    ]);
  });

  test('the demo says in one line why there is no token', async () => {
    const print = vi.spyOn(console, 'error').mockReturnValue();
    expect(await askWeChat(APPID, 'wrong')).toBe(1);
    expect(print.mock.calls).toEqual([
      [expect.stringMatching(/^WeChat gave no token\. UPSTREAM_REJECTED: .*40125.*$/)],
    ]);
    expect(await askWeChat('no appid', SECRET)).toBe(1);
  });
});

describe('an interrupted demo', () => {
  let temporary: string;
  let demo: ChildProcess | undefined;

  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'demo-'));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const project = join(ROOT, 'examples/tsconfig.json');
    await promisify(execFile)(process.execPath, [compiler, '-p', project, '--outDir', OUT]);
  });

  afterEach(async () => {
    demo?.kill('SIGKILL');
    await rm(temporary, { recursive: true, force: true });
    await rm(OUT, { recursive: true, force: true });
  });

  test('an interrupted demo ends its processes and removes its files', async () => {
    const env = { ...process.env, TMPDIR: temporary, WECHAT_APPID: '', WECHAT_SECRET: '' };
    demo = spawn(process.execPath, [join(OUT, 'demo/main.js')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    demo.stderr?.on('data', (data) => {
      errors += String(data);
    });
    await new Promise<void>((resolve) => {
      demo?.stdout?.on('data', (data) => {
        output += String(data);
        if (output.includes('adopted from the other process')) resolve();
      });
    });
    expect(await readdir(temporary)).toHaveLength(1);
    const exited = once(demo, 'exit');
    demo.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    expect(output).toContain('Interrupted');
    expect(errors).toBe('');
    expect(await readdir(temporary)).toEqual([]);
  });
});
