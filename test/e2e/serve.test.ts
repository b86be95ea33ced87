import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'CANARY-the-secret-of-the-app';

let wechat: FakeWeChat;
let world: ServeWorld;

beforeEach(async () => {
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
  world = await ServeWorld.create();
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await wechat.close();
});

const upstream = (): string[] => ['--wechat-origin', wechat.origin];

/** Runs the command until it ends by itself. */
function ends(...args: string[]): { code: number | null; out: string; err: string } {
  const given = [world.script, '--store', world.store, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, given, { encoding: 'utf8', timeout: 60_000 });
  return { code: status, out: stdout, err: stderr };
}

describe('a server that runs', () => {
  test('a server serves a token, prints its address, and logs nothing secret', async () => {
    const server = await world.start(upstream());
    await server.register(APPID, SECRET, [0, 1]);
    const { result: token } = await server.task(APPID);
    const { result: ticket } = await server.task(APPID, 1);
    await expect(fetch(`${server.url}/task/${APPID}/0?x=CANARY-query`)).resolves.toMatchObject({ status: 200 });
    await server.seen('refreshed', 2);
    wechat.fail('*', { errcode: 40001 });
    await fetch(`${server.url}/tokens/${APPID}/access_token/refresh`, { method: 'POST', body: '{"force":true}' });
    await server.seen('refreshFailed');
    expect(await server.stop()).toBe(0);

    expect(wechat.isValid(token ?? '')).toBe(true);
    expect(server.log[0]).toMatchObject({
      level: 'info',
      message: 'started',
      store: world.store,
      contracts: ['scheduler', 'wetoken', 'native', 'wechat', 'proxy', 'push'],
      access: 'loopback',
    });
    expect(server.log.slice(-2).map(({ message }) => message)).toEqual(['stopping', 'stopped']);
    expect(server.log.find(({ message }) => message === 'refreshed')).toMatchObject({
      appid: APPID,
      type: 'access_token',
    });
    const printed = `${server.lines.join('\n')}${server.errors}`;
    for (const secret of [SECRET, 'CANARY', token, ticket]) expect(printed).not.toContain(secret);
  });

  test('the arguments of the processes contain no secret', async () => {
    const keys = world.path('encryption');
    await writeFile(keys, '1'.repeat(64));
    const server = await world.start([...upstream(), '--encryption-key-file', keys]);
    await server.register(APPID, SECRET);
    const commandLines = await Promise.all(
      [server.child.pid, server.workerPid].map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')),
    );
    for (const line of commandLines) {
      expect(line).toContain('--encryption-key-file');
      expect(line).not.toMatch(/CANARY|1{64}/);
    }
  });

  test('a server goes on when its log is no longer read', async () => {
    const server = await world.start(upstream());
    const { url } = server;
    server.child.stdout?.destroy();
    await server.register(APPID, SECRET);
    server.signal('SIGHUP');
    const response = await fetch(`${url}/task/${APPID}/0`);
    expect(await response.json()).toMatchObject({ code: 200 });
    expect(await server.stop()).toBe(0);
  });
});

describe('a server that cannot start', () => {
  test('a port in use is reported in one line', async () => {
    const server = await world.start();
    const { code, out, err } = ends('--port', String(server.port), '--store', world.path('other'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(
      `wechat-token-manager: port ${server.port} of 127.0.0.1 is in use: stop the program that listens there, or choose another --port\n`,
    );
  });

  test('a server that other machines could use without a key says what to add', () => {
    const { code, out, err } = ends('--port', '0', '--host', '0.0.0.0');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^wechat-token-manager: --host 0\.0\.0\.0 can be reached by other machines: add --keys .*\n$/);
  });

  test.each([
    ['keys', '--keys', '{"keys":["CANARY"]}', /keys is wrong: .*\n$/],
    [
      'encryption',
      '--encryption-key-file',
      'CANARY',
      /--encryption-key-file: .*encryption: key 1 must be 32 bytes, as 64 hex digits, or.*\n$/,
    ],
    [
      'notify',
      '--notify-secret-file',
      'whsec_CANARY',
      /--notify-secret-file: secret must be 24 to 64 bytes, as whsec_.*\n$/,
    ],
  ])('a broken file of %s is reported in one line, without its content', async (name, option, content, message) => {
    await writeFile(world.path(name), content);
    const { code, out, err } = ends('--port', '0', option, world.path(name));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
    expect(err.split('\n')).toHaveLength(2);
    expect(err).not.toContain('CANARY');
  });

  test('a store that does not work is reported in one line', async () => {
    await symlink(world.path('nowhere/store'), world.store);
    const { code, out, err } = ends('--port', '0');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^wechat-token-manager: the store .*store cannot be used: .*\/store is a file, not a directory \(EEXIST at mkdir\): .+\n$/,
    );
  });
});

describe('a server that is being stopped', () => {
  test('a stopping server finishes a refresh, answers its callers, and leaves the token to the next server', async () => {
    const first = await world.start(upstream());
    wechat.delayMs = 1_500;
    const asked = wechat.nextCall();
    await first.register(APPID, SECRET);
    const waiting = first.task(APPID);
    await asked;
    const stopped = first.stop('SIGTERM');
    const { code, result } = await waiting;
    expect(code).toBe(200);
    expect(await stopped).toBe(0);
    expect(first.log.map(({ message }) => message)).toEqual(['started', 'stopping', 'refreshed', 'stopped']);

    const second = await world.start(upstream());
    expect(await second.task(APPID)).toMatchObject({ code: 200, result });
    expect(wechat.countCalls()).toBe(1);
  });

  test('a server does not wait for idle connections on Ctrl-C', async () => {
    const server = await world.start();
    const silent = connect(server.port, '127.0.0.1');
    silent.on('error', () => {});
    const idle = connect(server.port, '127.0.0.1');
    idle.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');
    const closed = Promise.all([once(silent, 'close'), once(idle, 'close')]);
    const stopped = server.stop('SIGINT');
    await closed;
    expect(await stopped).toBe(0);
    expect(server.log.map(({ message }) => message)).toEqual(['started', 'stopping', 'stopped']);
  });

  test('a request on an idle connection after SIGTERM is answered, and the connection closed', async () => {
    const server = await world.start();
    const idle = connect(server.port, '127.0.0.1');
    const request = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
    idle.write(request);
    await once(idle, 'data');
    server.signal('SIGTERM');
    await server.seen('stopping');
    idle.write(request);
    const [answer] = await once(idle, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 OK/);
    await once(idle, 'close');
    expect(await server.exited).toBe(0);
  });

  test('a server ends at once at a second signal', async () => {
    const server = await world.start(upstream());
    wechat.fail('*', 'hang');
    const asked = wechat.nextCall();
    await server.register(APPID, SECRET);
    await asked;
    server.signal('SIGTERM');
    await server.seen('stopping');
    // A second signal at nearly the same time may come from the same key press.
    const again = setInterval(() => server.signal('SIGTERM'), 100);
    // On a loaded machine a further signal may arrive while the process ends, and end it itself.
    const code = await server.exited;
    expect(code ?? server.child.signalCode).toBe(code === null ? 'SIGTERM' : 128 + 15);
    clearInterval(again);
    // The worker has been killed, but the init process of a container may take seconds to remove it from the process table.
    const isRemoved = (): void => expect(() => process.kill(server.workerPid, 0)).toThrow('ESRCH');
    await vi.waitFor(isRemoved, { timeout: 10_000 });
  });
});
