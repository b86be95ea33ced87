import { setTimeout as wait } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { FakeWeChat } from 'wechat-token-manager/testing';
import type { Clock } from '../../src/clock.js';
import { connectForRequests, connectForWork } from '../../src/connections.js';
import { Delivery, type Due, type NextStep } from '../../src/delivery/delivery.js';
import { OccurrenceQueue } from '../../src/delivery/occurrence-queue.js';
import { Consents } from '../../src/redis/consents.js';
import { Occurrences } from '../../src/redis/occurrences.js';
import { Reminders } from '../../src/redis/reminders.js';
import type { Database } from '../../src/redis/scripts.js';
import { Sessions } from '../../src/redis/sessions.js';
import { TemplateStops } from '../../src/redis/template-stops.js';
import { readSettings, type Settings } from '../../src/settings.js';
import { createServer } from '../../src/web/server.js';
import { WeChatApp } from '../../src/wechat-app.js';
import { TestRedis } from './redis.js';

export const APPID = 'wx0123456789abcdef';
export const SECRET = 'secret-of-the-test';
export const TEMPLATE = 'template-1';
export const NOON = Date.parse('2026-11-29T12:00:00Z');
const SEND_PATH = '/cgi-bin/message/subscribe/send';

/** Provides a clock that stands still until a test sets it. Timers go by the real time. */
export class SetClock implements Clock {
  #now = NOON;

  now(): number {
    return this.#now;
  }

  toTimer(ms: number): number {
    return ms;
  }

  set(instant: number): void {
    this.#now = instant;
  }
}

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}

/** Runs the service without its processes: with a real Redis, a fake WeChat and a clock that a test sets. */
export class World {
  readonly clock: SetClock = new SetClock();
  readonly redis: TestRedis;
  wechat: FakeWeChat;
  readonly app: WeChatApp;
  readonly database: Database;
  readonly queue: OccurrenceQueue;
  readonly delivery: Delivery;
  readonly occurrences: Occurrences;
  readonly stops: TemplateStops;
  readonly logged: string[] = [];
  #server: FastifyInstance | undefined;
  readonly #requests: Database;
  readonly #webQueue: OccurrenceQueue;

  private constructor(redis: TestRedis, wechat: FakeWeChat) {
    this.redis = redis;
    this.wechat = wechat;
    const { settings, clock } = this;
    const log = this.#log;
    this.app = new WeChatApp(settings, log);
    this.database = connectForWork(redis.url, log);
    this.#requests = connectForRequests(redis.url, log);
    this.queue = new OccurrenceQueue(this.database, clock);
    this.#webQueue = new OccurrenceQueue(this.#requests, clock);
    this.occurrences = new Occurrences(this.database, TEMPLATE);
    this.stops = new TemplateStops(this.database, TEMPLATE);
    const { occurrences, stops } = this;
    const { template } = settings;
    this.delivery = new Delivery({ clock, template, log, occurrences, stops, wechat: this.app.wechat });
  }

  static async start(): Promise<World> {
    const redis = await TestRedis.start();
    const wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
    const world = new World(redis, wechat);
    await world.#serve();
    await world.app.ready;
    return world;
  }

  get settings(): Settings {
    return readSettings({
      PORT: '0',
      HOST: '127.0.0.1',
      REDIS_URL: this.redis.url,
      WECHAT_APPID: APPID,
      WECHAT_SECRET: SECRET,
      WECHAT_ORIGIN: this.wechat.origin,
      REMINDERS_TEMPLATE: TEMPLATE,
    });
  }

  get origin(): string {
    return this.#served.listeningOrigin;
  }

  /** Returns the service's description of itself. */
  get openapi(): object {
    return this.#served.swagger();
  }

  /** Forgets everything but the token, and makes WeChat answer normally. */
  async reset(): Promise<void> {
    this.clock.set(NOON);
    this.logged.length = 0;
    const names = await this.database.keys('{reminders}:*');
    const ours = names.filter((name) => !name.startsWith('{reminders}:tokens'));
    if (ours.length > 0) await this.database.del(...ours);
  }

  /** Sends one request, as the user of a session or without one. */
  async ask(method: string, path: string, body?: unknown, session?: string): Promise<Answer> {
    const response = await fetch(`${this.origin}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  /** Logs a user in, who has accepted that many prompts, and returns the session. */
  async logIn(openid: string, accepted = 1): Promise<string> {
    const { body } = await this.ask('POST', '/sessions', { code: this.wechat.createCode(APPID, openid) });
    const session = String(body['session']);
    for (let index = 0; index < accepted; index++) {
      this.wechat.acceptPrompt(APPID, openid, TEMPLATE);
      await this.ask('POST', '/consents', { nonce: `nonce-${openid}-${index}` }, session);
    }
    return session;
  }

  /** Makes a reminder for the minute after noon in UTC, and returns what is due then. */
  async createDue(session: string, choice: object = {}): Promise<Due> {
    const body = { contentId: 'c-1', hour: 12, minute: 1, detail: 'Tea', zone: 'UTC', ...choice };
    const { body: reminder } = await this.ask('POST', '/create/0', body, session);
    return { id: String(reminder['id']), instant: Number(reminder['nextAt']) };
  }

  /** Sets the clock to the instant, or that many milliseconds after it, and has a worker deliver. */
  async deliver(due: Due, { lateMs = 0 } = {}): Promise<NextStep> {
    this.clock.set(due.instant + lateMs);
    return this.delivery.deliver(due);
  }

  /** Returns the list of a user, with the outcomes. */
  async list(session: string): Promise<Record<string, unknown> & { reminders: Record<string, unknown>[] }> {
    const { body } = await this.ask('GET', '/reminders', undefined, session);
    return body as Record<string, unknown> & { reminders: Record<string, unknown>[] };
  }

  /** Returns how often WeChat was asked to deliver. */
  get sends(): number {
    return this.wechat.countCalls(SEND_PATH);
  }

  /** Makes WeChat answer again, at the same port. */
  async reopenWeChat(port: number): Promise<void> {
    this.wechat = await FakeWeChat.start({ port, apps: { [APPID]: { secret: SECRET } } });
  }

  /** Fetches a token, so that the messages that follow use a cached one. */
  async warmUp(): Promise<void> {
    await this.app.wechat.send({ touser: 'o-warm', template_id: TEMPLATE, data: {} });
  }

  /** Returns the token that messages are sent with. */
  async token(): Promise<string> {
    const stored = await this.database.keys('{reminders}:tokens*');
    const texts = await Promise.all(stored.map((name) => this.database.get(name).catch(() => '')));
    const [, token = 'none'] = /"value":"([^"]+)"/.exec(texts.join('')) ?? [];
    return token;
  }

  /** Waits until Redis answers requests again. */
  async untilReady(): Promise<void> {
    while ((await this.ask('GET', '/readyz')).status !== 200) await wait(20);
  }

  async close(): Promise<void> {
    await this.#served.close();
    await this.#webQueue.close();
    await this.queue.close();
    await this.app.close();
    this.database.disconnect();
    this.#requests.disconnect();
    await this.wechat.close();
    await this.redis.close();
  }

  get #log(): pino.Logger {
    return pino({ level: 'info' }, { write: (line: string) => this.logged.push(line) });
  }

  get #served(): FastifyInstance {
    if (this.#server === undefined) throw new Error('the server has not been started');
    return this.#server;
  }

  async #serve(): Promise<void> {
    const database = this.#requests;
    const { clock, settings } = this;
    this.#server = await createServer(
      {
        clock,
        template: settings.template,
        wechat: this.app.wechat,
        queue: this.#webQueue,
        sessions: new Sessions(database),
        reminders: new Reminders(database),
        consents: new Consents(database, TEMPLATE),
        stops: new TemplateStops(database, TEMPLATE),
        ping: () => database.ping(),
        totals: () => this.occurrences.totals(),
      },
      this.#log,
    );
    await this.#server.listen({ port: 0, host: '127.0.0.1' });
    await this.untilReady();
  }
}
