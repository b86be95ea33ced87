import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { type Clock, fastClock } from '../src/clock.js';
import { Client } from './client.js';

export const APPID = 'wx0123456789abcdef';
export const TEMPLATE = 'template-1';
const SECRET = 'secret-of-the-demo';
const READY_WITHIN_MS = 60_000;
const AT_ONCE = 20;

export interface SceneOptions {
  /** The speed of the service's clock, as a multiple of the real one. */
  readonly factor: number;
  /** The life of access tokens, in seconds. */
  readonly lifeSeconds: number;
  /** The delay of WeChat's answers, in milliseconds. */
  readonly delayMs?: number;
  /** The real time for which a worker that does not renew its lock keeps a message, in milliseconds. */
  readonly lockMs?: number;
}

/** Runs a Redis, a fake WeChat and the processes of the service on this machine, until it is closed. */
export class Scene {
  readonly wechat: FakeWeChat;
  readonly clock: Clock;
  readonly #directory = mkdtempSync(join(tmpdir(), 'wechat-reminders-'));
  readonly #environment: NodeJS.ProcessEnv;
  readonly #redisPort: number;
  readonly #webPort: number;
  readonly #factor: number;
  readonly #children = new Set<ChildProcess>();
  #redis: ChildProcess | undefined;

  private constructor(
    wechat: FakeWeChat,
    { factor, lockMs = 1_000 }: SceneOptions,
    [redisPort, webPort]: readonly [number, number],
  ) {
    const now = Date.now();
    this.wechat = wechat;
    this.clock = fastClock(factor, now, now);
    this.#redisPort = redisPort;
    this.#webPort = webPort;
    this.#factor = factor;
    this.#environment = {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: String(webPort),
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      WECHAT_APPID: APPID,
      WECHAT_SECRET: SECRET,
      WECHAT_ORIGIN: wechat.origin,
      REMINDERS_TEMPLATE: TEMPLATE,
      REMINDERS_FAST_CLOCK: `${factor},${now},${now}`,
      REMINDERS_LOCK_MS: String(lockMs),
      LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
    };
  }

  static async start(options: SceneOptions): Promise<Scene> {
    const { lifeSeconds, delayMs = 0 } = options;
    const wechat = await FakeWeChat.start({ lifeSeconds, delayMs, apps: { [APPID]: { secret: SECRET } } });
    const scene = new Scene(wechat, options, [await freePort(), await freePort()]);
    await scene.startRedis();
    scene.start('main');
    await scene.#untilReady();
    return scene;
  }

  /** Starts a process of the service: the web server with a worker, or a worker alone. */
  start(program: 'main' | 'worker'): ChildProcess {
    const script = fileURLToPath(new URL(`../src/${program}.js`, import.meta.url));
    const child = spawn(process.execPath, [script], {
      env: this.#environment,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Starts Redis, which writes each command down before it answers. */
  async startRedis(): Promise<void> {
    const options = ['--port', String(this.#redisPort), '--bind', '127.0.0.1', '--dir', this.#directory];
    const keeps = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', '', '--loglevel', 'warning'];
    const child = spawn('redis-server', [...options, ...keeps], { stdio: 'ignore' });
    await once(child, 'spawn').catch(() => {
      throw new Error('redis-server is not installed: apt-get install redis-server, or brew install redis');
    });
    this.#redis = child;
  }

  async killRedis(): Promise<void> {
    if (this.#redis !== undefined) await kill(this.#redis);
  }

  /** Has a user of the mini program log in. */
  async logIn(openid: string): Promise<Client> {
    const client = new Client(`http://127.0.0.1:${this.#webPort}`);
    await client.logIn(this.wechat.createCode(APPID, openid));
    return client;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#webPort}`;
  }

  get redisPort(): number {
    return this.#redisPort;
  }

  /** Returns the process id of the web server with its worker. */
  get servicePid(): number | undefined {
    return [...this.#children][0]?.pid;
  }

  /** Returns when the service's clock shows an instant, by the real time. */
  realTimeOf(instant: number): number {
    return Date.now() + (instant - this.clock.now()) / this.#factor;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map(kill));
    await this.killRedis();
    await this.wechat.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    for (const giveUpAt = Date.now() + READY_WITHIN_MS; Date.now() < giveUpAt; await wait(50)) {
      const response = await fetch(`${this.origin}/readyz`).catch(() => undefined);
      if (response?.ok) return;
    }
    throw new Error('the service is not ready within a minute');
  }
}

/** Kills a process with SIGKILL. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Calls `work` with each index below `count`, twenty at a time. */
export async function withConcurrency(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
