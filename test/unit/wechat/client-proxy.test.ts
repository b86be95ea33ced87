import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/concurrency/clock.js';
import type { Upstream } from '../../../src/core/model/refresher.js';
import { FakeClock, FakeWeChat } from '../../../src/testing/index.js';
import { clientOf } from '../../support/worlds/wechat-client.js';
import { everythingShown, failure } from './failure.js';

type Manner = 'tunnel' | 'refuse' | 'cut' | 'end' | 'hang';

/** A proxy of a few lines that notes what it is asked. */
class TinyProxy {
  manner: Manner = 'tunnel';
  readonly heads: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer((socket) => {
      this.#keep(socket).once('data', (head: Buffer) => this.#serve(socket, head.toString()));
    });
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket)));
    return socket;
  }

  #serve(socket: Socket, head: string): void {
    this.heads.push(head);
    if (this.manner === 'hang') return;
    if (this.manner === 'cut') return void socket.resetAndDestroy();
    if (this.manner === 'end') return void socket.end();
    if (this.manner === 'refuse') return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const [, host = '', port = ''] = /^CONNECT (\S+):(\d+) /.exec(head) ?? [];
    const upstream = this.#keep(connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n')));
    socket.pipe(upstream).pipe(socket);
  }
}

let wechat: FakeWeChat;
let proxy: TinyProxy;
let client: Upstream;

beforeEach(async () => {
  proxy = new TinyProxy();
  await proxy.listen();
  wechat = await FakeWeChat.start({ clock: new FakeClock() });
  const origins = [wechat.origin];
  client = clientOf({ origins, proxy: `http://canary-user:canary-pass@${proxy.host}`, clock: systemClock });
});

afterEach(async () => {
  await client.close();
  await wechat.close();
  await proxy.close();
});

function ask(asked: Upstream = client): Promise<unknown> {
  const query = { grant_type: 'client_credential', appid: 'wx1', secret: 'secret' };
  const signal = new AbortController().signal;
  return asked.request({ method: 'GET', path: '/cgi-bin/token', query }, { signal, withToken: false });
}

describe('the proxy of a client', () => {
  it('a proxy tunnels requests and gets its credentials in Proxy-Authorization', async () => {
    await expect(ask()).resolves.toMatchObject({ expires_in: 7200 });
    expect(proxy.heads).toHaveLength(1);
    expect(proxy.heads[0]).toContain(`proxy-authorization: Basic ${btoa('canary-user:canary-pass')}`);
    expect(proxy.heads[0]).not.toContain('secret=');
  });

  it.each([
    ['user', 'user:'],
    ['u%3Aser:p%40ss', 'u:ser:p@ss'],
  ])('a proxy gets the credentials %s', async (credentials, plain) => {
    const proxied = `http://${credentials}@${proxy.host}`;
    const other = clientOf({ origins: [wechat.origin], proxy: proxied, clock: systemClock });
    await expect(ask(other)).resolves.toMatchObject({ expires_in: 7200 });
    expect(proxy.heads[0]).toContain(`proxy-authorization: Basic ${btoa(plain)}\r\n`);
    await other.close();
  });

  it('a proxy without credentials gets no Proxy-Authorization', async () => {
    const other = clientOf({ origins: [wechat.origin], proxy: `http://${proxy.host}`, clock: systemClock });
    await expect(ask(other)).resolves.toMatchObject({ expires_in: 7200 });
    expect(proxy.heads[0]).not.toContain('proxy-authorization');
    await other.close();
  });

  it.each<Manner>(['refuse', 'cut', 'end', 'hang'])(
    'a proxy with the fault %s is asked once, as a failure of this host that shows no credentials, and is used again as soon as it works',
    async (manner) => {
      proxy.manner = manner;
      const error = await failure(ask());
      expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, hostOnly: true });
      expect(everythingShown(error)).not.toMatch(/canary|Y2FuYXJ5/);
      expect(proxy.heads).toHaveLength(1);
      expect(wechat.countCalls()).toBe(0);
      proxy.manner = 'tunnel';
      await expect(ask()).resolves.toMatchObject({ expires_in: 7200 });
    },
    30_000,
  );

  it('a proxy that does not run is a failure of this host', async () => {
    await proxy.close();
    const error = await failure(ask());
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', retryable: true, hostOnly: true });
    expect(everythingShown(error)).not.toMatch(/canary|Y2FuYXJ5/);
  });
});
