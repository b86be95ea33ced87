import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';
import { LossyProxy } from '../support/servers/serve-proxy.js';
import { SERVE_STORES, type StorePlace } from '../support/stores/serve-stores.js';
import { ofThisRun } from '../support/stores/this-run.js';

const APPID = 'wx0123456789abcdef';
const OTHER = 'wxfedcba9876543210';
const SECRET = 'the-secret-of-the-app';

for (const { name, isHere, isServer, start } of ofThisRun(SERVE_STORES)) {
  describe.skipIf(!isHere())(`serve on ${name}`, () => {
    let place: StorePlace;
    let wechat: FakeWeChat;
    let world: ServeWorld;
    let servers: ServeProcess[];
    let url: string;
    let stores = 0;

    beforeAll(async () => {
      place = await start();
    });
    afterAll(() => place[Symbol.asyncDispose]());

    beforeEach(async () => {
      await serveWeChat();
      world = await ServeWorld.create();
      servers = [];
      stores += 1;
      url = place.url(`fleet_${stores}`);
    });
    afterEach(async () => {
      await world[Symbol.asyncDispose]();
      await wechat.close();
      // No test may make a server print a password.
      for (const { lines, errors } of servers)
        expect(lines.join('\n') + errors).not.toMatch(/CANARY|postgres-password/);
    });

    async function serveWeChat(lifeSeconds = 7_200): Promise<void> {
      wechat = await FakeWeChat.start({
        apps: { [APPID]: { secret: SECRET }, [OTHER]: { secret: SECRET } },
        lifeSeconds,
      });
    }

    function spawn(...args: string[]): ServeProcess {
      const server = world.spawn(['--wechat-origin', wechat.origin, ...args], { WECHAT_TOKENS_STORE: url });
      servers.push(server);
      return server;
    }

    async function serve(...args: string[]): Promise<ServeProcess> {
      const server = spawn(...args);
      await server.seen('started');
      return server;
    }

    const calls = (): number => wechat.countCalls('/cgi-bin/stable_token');

    test('a server remembers everything over a stop, a reload and a crash, with one call for a token', async () => {
      const first = await serve();
      await first.register(APPID, SECRET);
      const token = await first.task(APPID);
      expect(token).toMatchObject({ code: 200, result: expect.any(String) });
      expect(await first.stop('SIGTERM')).toBe(0);

      const second = await serve();
      expect(await second.task(APPID)).toEqual(token);
      second.signal('SIGHUP');
      await second.seen('reloaded');
      expect(await second.task(APPID)).toEqual(token);
      process.kill(second.workerPid, 'SIGKILL');
      await second.seen('workerReplaced');
      expect(await second.task(APPID)).toEqual(token);
      expect(calls()).toBe(1);
      expect(await second.stop()).toBe(0);
      expect(first.errors + second.errors).toBe('');
    });

    test('several servers are one fleet, with one call for each token', async () => {
      const fleet = await Promise.all([serve(), serve(), serve()]);
      await fleet[0]?.register(APPID, SECRET, [0, 1]);
      await fleet[1]?.register(OTHER, SECRET, [0]);
      for (const [appid, type] of [
        [APPID, 0],
        [APPID, 1],
        [OTHER, 0],
      ] as const) {
        const answers = await Promise.all(fleet.map((server) => server.task(appid, type)));
        expect(answers[0]).toMatchObject({ code: 200, result: expect.any(String) });
        expect(new Set(answers.map(({ result }) => result)).size).toBe(1);
      }
      expect(calls()).toBe(2);
      expect(wechat.countCalls('/cgi-bin/ticket/getticket')).toBe(1);
      expect(await Promise.all(fleet.map((server) => server.stop()))).toEqual([0, 0, 0]);
    });

    test('a fleet goes on when one of its servers is killed: the others keep its tokens fresh', async () => {
      await wechat.close();
      await serveWeChat(6);
      const [killed, other] = await Promise.all([serve(), serve()]);
      await killed.register(APPID, SECRET);
      await killed.task(APPID);
      const pids = [killed.child.pid as number, killed.workerPid];
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await killed.exited;
      for (let cycle = 0; cycle < 2; cycle += 1) {
        await wechat.nextCall('/cgi-bin/stable_token');
        expect(wechat.isValid((await other.task(APPID)).result ?? '')).toBe(true);
      }
      await other.register(OTHER, SECRET);
      expect(await other.task(OTHER)).toMatchObject({ code: 200 });
      expect(await other.stop()).toBe(0);
    });

    test('a store is encrypted with a key, and a server does not start without it', async () => {
      const key = world.path('encryption-key');
      await writeFile(key, '1'.repeat(64));
      const server = await serve('--encryption-key-file', key);
      await server.register(APPID, SECRET);
      const token = await server.task(APPID);
      await server.stop();

      const refused = spawn();
      expect(await refused.exited).toBe(2);
      expect(refused.errors).toMatch(
        /^wechat-token-manager: --store: .* is encrypted: add --encryption-key-file <file>\n$/,
      );
      await writeFile(key, '2'.repeat(64));
      const wrong = spawn('--encryption-key-file', key);
      expect(await wrong.exited).toBe(2);
      expect(wrong.errors).toMatch(/no document in .* can be read/);

      await writeFile(key, `${'2'.repeat(64)}\n${'1'.repeat(64)}`);
      const changed = await serve('--encryption-key-file', key);
      expect(await changed.seen('reencrypted')).toMatchObject({ unread: 0 });
      expect(await changed.task(APPID)).toEqual(token);
      expect(calls()).toBe(1);
    });

    test('a server may leave refreshing to others, and reads their tokens', async () => {
      const follower = await serve('--refresh', 'never');
      const refresher = await serve();
      await refresher.register(APPID, SECRET);
      const token = await refresher.task(APPID);
      expect(await follower.task(APPID)).toEqual(token);
      expect(calls()).toBe(1);
      await refresher.stop();
      await follower.register(OTHER, SECRET);
      const { status } = await fetch(`${follower.url}/tokens/${OTHER}/access_token`);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(calls()).toBe(1);
    });

    describe.runIf(isServer)('a store that is a server', () => {
      test('no argument that others can see contains the password', async () => {
        const server = world.spawn(['--wechat-origin', wechat.origin, '--store', url], {});
        servers.push(server);
        await server.seen('started');
        expect(server.errors).toMatch(
          /^wechat-token-manager: the password in --store is visible to every user of this machine: [^\n]+\n$/,
        );
        const pids = (): number[] => [server.child.pid as number, server.workerPid];
        const secret = new URL(url).password;
        for (const pid of pids()) expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(secret);
        server.signal('SIGHUP');
        await server.seen('reloaded');
        for (const pid of pids()) expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(secret);
        expect(await server.stop()).toBe(0);
      });

      test('the store may be named in a file, and a reload notices its change', async () => {
        const file = world.path('store-url');
        await writeFile(file, `${url}\n`);
        const server = world.spawn(['--wechat-origin', wechat.origin, '--store-file', file], {});
        servers.push(server);
        expect((await server.seen('started')).store).toMatch(/^\w+:\/\/127\.0\.0\.1:\d+(\/\w+)?$/);
        await writeFile(file, place.withPassword('not-it') ?? '');
        server.signal('SIGHUP');
        expect((await server.seen('reloadFailed')).error).toContain('cannot be used');
        expect(server.errors).toBe('');
        expect(await server.stop()).toBe(0);
      });

      test.each([
        ['is killed and comes back', () => place.kill(), () => place.restart()],
        ['hangs and goes on', async () => place.pause(), async () => place.resume()],
      ])('a server whose store %s serves tokens meanwhile and recovers by itself', async (_what, away, back) => {
        const server = await serve();
        await server.register(APPID, SECRET);
        const token = await server.task(APPID);
        await away();
        try {
          await server.seen('storeUnavailable');
          expect(await server.task(APPID)).toEqual(token);
        } finally {
          await back();
        }
        await server.seen('storeAvailable');
        await server.register(OTHER, SECRET);
        expect(await server.task(OTHER)).toMatchObject({ code: 200 });
        expect(calls()).toBe(2);
        expect(server.log.filter(({ message }) => /^(crashed|workerEnded)$/.test(message))).toEqual([]);
        expect(await server.stop()).toBe(0);
      });

      test('connections to the store that fall silent are replaced', async () => {
        const direct = new URL(url);
        await using proxy = await LossyProxy.to(Number(direct.port));
        direct.port = String(proxy.port);
        url = direct.href;
        const server = await serve();
        await server.register(APPID, SECRET);
        await server.task(APPID);
        proxy.lose();
        await server.seen('storeUnavailable');
        await server.seen('storeAvailable');
        await server.register(OTHER, SECRET);
        expect(await server.task(OTHER)).toMatchObject({ code: 200 });
        expect(await server.stop()).toBe(0);
      });

      test('a server stops although its store hangs', async () => {
        const server = await serve();
        await server.register(APPID, SECRET);
        await server.task(APPID);
        place.pause();
        try {
          await server.seen('storeUnavailable');
          expect(await server.stop()).toBe(0);
        } finally {
          place.resume();
        }
      });
    });
  });
}
