import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ServeOptions } from '../../../../../src/cli/args/serve-options.js';
import { UsageError } from '../../../../../src/cli/failures/usage-error.js';
import { Log } from '../../../../../src/cli/serve/log/log.js';
import { TokenServer } from '../../../../../src/cli/serve/worker/token-server.js';
import { FileFailure } from '../../../../../src/stores/file/file-failure.js';
import { FileStore } from '../../../../../src/stores/file/file-store.js';
import { FakeClock } from '../../../../../src/testing/index.js';
import { CapturedOutput } from '../../../../support/servers/command-line.js';
import { directoryStore, SERVE_OPTIONS } from '../../../../support/servers/serve-options.js';

const SECRET = 'CANARY-secret';

let directory: string;
let clock: FakeClock;
let output: CapturedOutput;
let wechat: HttpServer;
/** Requests to WeChat that have not been answered. */
let asked: ServerResponse[];
let listener: Server;
let server: TokenServer | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
  clock = new FakeClock();
  output = new CapturedOutput();
  asked = [];
  wechat = createHttpServer((_request, response) => {
    asked.push(response);
    wechat.emit('asked');
  });
  wechat.listen(0, '127.0.0.1');
  listener = createServer((socket) => server?.accept(socket));
  listener.listen(0, '127.0.0.1');
  await Promise.all([once(wechat, 'listening'), once(listener, 'listening')]);
});

afterEach(async () => {
  wechat.close();
  wechat.closeAllConnections();
  const closed = server?.close('close');
  await clock.advance(10_000);
  await closed;
  server = undefined;
  listener.close();
  await rm(directory, { recursive: true, force: true });
});

const options = (given: Partial<ServeOptions> = {}): ServeOptions => ({
  ...SERVE_OPTIONS,
  store: directoryStore(join(directory, 'store')),
  wechatOrigins: [`http://127.0.0.1:${(wechat.address() as AddressInfo).port}`],
  ...given,
});

async function start(given: Partial<ServeOptions> = {}): Promise<TokenServer> {
  server = await TokenServer.start(options(given), new Log(output, clock), clock);
  return server;
}

/** The whole answer to one request on a connection of its own. */
async function ask(
  path: string,
  { method = 'GET', host = '127.0.0.1', body = '', version = '1.1' } = {},
): Promise<string> {
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const head = [
    `${method} ${path} HTTP/${version}`,
    `Host: ${host}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  return text(socket);
}

const register = (): Promise<string> =>
  ask('/registe', { method: 'POST', body: JSON.stringify({ appid: 'wx1', appsecret: SECRET, tasks: [{ type: 0 }] }) });

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

describe('a server', () => {
  it('a server answers the routes of every contract', async () => {
    await start();
    expect(await register()).toContain('"result":"success"');
    expect(await ask('/tokens')).toContain('"appid":"wx1"');
    expect(await ask('/wechat/app/create')).toContain('"errcode"');
    expect(await ask('/healthz')).toContain('alive');
  });

  it('a server for this machine alone refuses requests under another name', async () => {
    await start();
    expect(await ask('/healthz', { host: 'evil.example' })).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask('/healthz', { host: 'localhost:9001' })).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('a server that allows anonymous access does not check names', async () => {
    await start({ anonymous: true });
    expect(await ask('/healthz', { host: 'tokens.example' })).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('a server with keys rejects a request without one', async () => {
    await start({ keys: await file('keys.json', '{"keys":[]}') });
    expect(await ask('/tokens')).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('a server logs a refused client once, not at every request', async () => {
    await start({ keys: await file('keys.json', '{"keys":[]}') });
    for (let times = 0; times < 19; times++) await ask('/tokens');
    const lines = output.text.split('\n').filter((line) => line.includes('"message":"refused"'));
    expect(lines).toEqual([expect.stringContaining('"peer":"127.0.0.1","reason":"noKey","count":1}')]);
  });

  it('a server without keys refuses what a proxy has sent', async () => {
    await start();
    expect(await ask('/tokens', { version: '1.0' })).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask('/tokens')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each([
    ['a file of keys that is broken', 'keys', /keys is not JSON$/],
    ['a notify secret that is none', 'notifySecretFile', /^--notify-secret-file: secret must be 24 to 64 bytes/],
    [
      'rules of forwarding that are no JSON',
      'forwardFile',
      /^--forward-file: .*forwardFile is not JSON like {"rules":/,
    ],
    ['rules of forwarding in another form', 'forwardFile', /forwardFile must contain an object with rules alone/, '[]'],
    ['another field beside the rules', 'forwardFile', /an object with rules alone/, '{"rules":[],"CANARY":1}'],
    [
      'a rule that is none',
      'forwardFile',
      /^--forward-file: rule 1 must be an object, got a string$/,
      '{"rules":["CANARY"]}',
    ],
    [
      'a rule with a URL that may not be called',
      'forwardFile',
      /^--forward-file: url of rule 2: A callback URL must begin with http/,
      '{"rules":[{"url":"https://a.test/"},{"event":"CLICK","url":"ftp://CANARY"}]}',
    ],
    [
      'a rule with an unknown field',
      'forwardFile',
      /^--forward-file: rule 1: unknown name "msgtype", expected one of infoType, /,
      '{"rules":[{"msgtype":"text","url":"https://a.test/CANARY"}]}',
    ],
  ])('a server does not start with %s', async (_what, option, message, content = 'CANARY') => {
    const starting = start({ [option]: await file(option, content) });
    await expect(starting).rejects.toThrow(UsageError);
    await expect(starting).rejects.toThrow(message);
    await expect(starting).rejects.not.toThrow('CANARY');
  });

  it('a server logs the end of a re-encryption, after which the old key is not needed', async () => {
    const [first, second] = ['1'.repeat(64), '2'.repeat(64)];
    await start({ encryptionKeyFile: await file('enc', first) });
    await register();
    const closed = server?.close('close');
    await clock.advance(10_000);
    await closed;
    await start({ encryptionKeyFile: await file('enc', `${second}\n${first}`) });
    await expect.poll(() => output.text).toContain('"message":"reencrypted","unread":0');
  });
});

it('logs that its store has refused a write during the start', async () => {
  vi.spyOn(FileStore.prototype, 'set').mockRejectedValue(new FileFailure('no room for it', 'ENOSPC'));
  onTestFinished(() => void vi.restoreAllMocks());
  await start();
  await vi.waitFor(() => expect(output.text).toMatch(/storeUnavailable.*no room for it/));
});

describe('closing', () => {
  /** A client that waits for a token which WeChat has been asked for. */
  async function waitingClient(): Promise<{ readonly answer: Promise<string> }> {
    await start();
    const request = once(wechat, 'asked');
    await register();
    await request;
    return { answer: ask('/task/wx1/0') };
  }

  const grant = (): void => void asked[0]?.end('{"access_token":"t-1","expires_in":7200}');

  it('close finishes a running refresh and answers its callers', async () => {
    const { answer } = await waitingClient();
    await expect.poll(() => server?.connections).toBe(1);
    const closed = server?.close('wait');
    grant();
    expect(await answer).toContain('"result":"t-1"');
    await closed;
    server = undefined;
    await start();
    expect(await ask('/task/wx1/0')).toContain('"result":"t-1"');
    expect(asked).toHaveLength(1);
  });

  it('close waits for a refresh longer than for connections', async () => {
    const { answer } = await waitingClient();
    await expect.poll(() => server?.connections).toBe(1);
    const closed = server?.close('wait');
    await clock.advance(7_000);
    grant();
    expect(await answer).toContain('"result":"t-1"');
    await closed;
    server = undefined;
  });

  /** A caller of WeChat's API whose call WeChat has not answered. */
  async function waitingCaller(): Promise<{ readonly answer: Promise<string> }> {
    await start();
    const refreshed = once(wechat, 'asked');
    await register();
    await refreshed;
    grant();
    await expect.poll(() => ask('/task/wx1/0')).toContain('"result":"t-1"');
    const called = once(wechat, 'asked');
    const answer = ask('/cgi-bin/user/get?access_token=t-1');
    await called;
    return { answer };
  }

  it('a server that is replaced lets a call of WeChat take a minute', async () => {
    const { answer } = await waitingCaller();
    const closed = server?.close('wait', new Promise(() => {}));
    await clock.advance(59_999);
    asked[1]?.end('{"errcode":0,"errmsg":"late"}');
    expect(await answer).toContain('"late"');
    await closed;
    server = undefined;
  });

  it('a server that is replaced takes no more time for its calls of WeChat than another once it is hurried', async () => {
    const { answer } = await waitingCaller();
    let hurry: () => void = () => {};
    const closed = server?.close(
      'wait',
      new Promise((resolve) => {
        hurry = resolve;
      }),
    );
    await clock.advance(10_000);
    hurry();
    await clock.advance(7_000);
    expect(await answer).toContain('the server is closing');
    await closed;
    server = undefined;
  });
});
