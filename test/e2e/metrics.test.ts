import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createHandler } from '../../src/http/index.js';
import { FileStore, TokenManager } from '../../src/index.js';
import { FakeWeChat } from '../../src/testing/index.js';
import { requireTools } from '../faults/require-tool.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'CANARY-the-secret-of-the-app';
const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0';

let wechat: FakeWeChat;
let directory: string;
let tokens: TokenManager;
let server: Server;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
  const store = new FileStore(join(directory, 'store'));
  tokens = new TokenManager({ store, wechat: { origins: [wechat.origin] } });
  server = createServer(createHandler(tokens, { contracts: ['native'], anonymous: true }).node);
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await tokens.close();
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

/** Fetches two tokens and fails to fetch another, registers a task whose name needs escaping, and returns the tokens. */
async function work(): Promise<readonly string[]> {
  await tokens.register({ appid: APPID, secret: SECRET, tasks: ['access_token', 'jsapi_ticket'] });
  const got = [await tokens.get(APPID, 'access_token'), await tokens.get(APPID, 'jsapi_ticket')];
  await tokens.register({ appid: 'wx-unknown', secret: SECRET, tasks: ['access_token'] });
  await tokens.get('wx-unknown', 'access_token').catch(() => {});
  await tokens.register({ appid: APPID, tasks: [{ type: 'oauth2_access_token', subject: 'a"b\\c}{,=' }] });
  return got;
}

async function scrape(accept: string): Promise<{ type: string | null; text: string }> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
  expect(response.status).toBe(200);
  return { type: response.headers.get('content-type'), text: await response.text() };
}

test('Prometheus accepts the older format', async (context) => {
  requireTools(context, { programs: ['promtool'] });
  await work();
  const { type, text } = await scrape('text/plain;version=0.0.4');
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  expect([status, stdout, stderr]).toEqual([0, '', '']);
});

test('Prometheus reads OpenMetrics', async (context) => {
  requireTools(context, { programs: ['promtool'] });
  await work();
  const { type, text } = await scrape(OPEN_METRICS);
  expect(type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  // A sample that is read into a block needs the time at which it was measured.
  const file = join(directory, 'metrics');
  await writeFile(file, text.replace(/^(?!#)(.+)$/gm, '$1 1700000000'));
  const create = ['tsdb', 'create-blocks-from', 'openmetrics', file, join(directory, 'blocks')];
  const { status, stdout, stderr } = spawnSync('promtool', create, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  const [, , , , samplesRead] = (stdout.trim().split('\n').at(-1) ?? '').split(/\s+/);
  expect(Number(samplesRead)).toBe(text.split('\n').filter((line) => /^\w/.test(line)).length);
});

test('the metrics count what has happened and contain no secret', async () => {
  const secrets = [...(await work()), SECRET, wechat.origin];
  for (const accept of ['*/*', OPEN_METRICS]) {
    const { text } = await scrape(accept);
    expect(text).toMatch(/^wechat_token_manager_refreshes_total\{type="access_token",source="upstream",.*\} 1$/m);
    expect(text).toMatch(/^wechat_token_manager_refreshes_total\{type="jsapi_ticket",source="upstream",.*\} 1$/m);
    expect(text).toMatch(/^wechat_token_manager_refresh_failures_total\{code="UPSTREAM_REJECTED"\} 1$/m);
    expect(text).toMatch(/^wechat_token_manager_upstream_request_duration_seconds_count\{outcome="answered"\} 2$/m);
    expect(text).toMatch(/^wechat_token_manager_tasks\{state="fresh"\} 2$/m);
    expect(text).toMatch(/^wechat_token_manager_tasks\{state="missing"\} 1$/m);
    expect(text).toMatch(/^wechat_token_manager_waiting_tasks\{waiting_for="refresh_token"\} 1$/m);
    expect(text).toMatch(/^wechat_token_manager_store_available 1$/m);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  }
});
