import { type Clock, fastClock, systemClock } from './clock.js';
import { parseTemplate, type Template } from './template.js';

/** The settings of the service, from the environment. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  readonly redisUrl: string;
  readonly appid: string;
  readonly secret: string;
  /** The origin of WeChat, without a slash at the end. */
  readonly origin: string;
  readonly template: Template;
  readonly clock: Clock;
  /** The time after which the messages of a worker that has gone are taken over, in milliseconds. */
  readonly lockMs: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const WECHAT_ORIGIN = 'https://api.weixin.qq.com';

/** Reads the settings; an unusable one is an error that names the variable and never its value. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return {
    port: portOf(env['PORT'] ?? '3000'),
    host: env['HOST'] ?? '0.0.0.0',
    redisUrl: redisUrlOf(env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'),
    appid: required(env, 'WECHAT_APPID'),
    secret: required(env, 'WECHAT_SECRET'),
    origin: originOf(env['WECHAT_ORIGIN'] ?? WECHAT_ORIGIN),
    template: parseTemplate(required(env, 'REMINDERS_TEMPLATE')),
    clock: clockOf(env['REMINDERS_FAST_CLOCK']),
    lockMs: lockOf(env['REMINDERS_LOCK_MS'] ?? '30000'),
    logLevel: logLevelOf(env['LOG_LEVEL'] ?? 'info'),
  };
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new TypeError(`the environment variable ${name} is not set`);
  if (value !== value.trim()) throw new TypeError(`${name} has white space at an end`);
  return value;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TypeError('PORT must be a number from 0 to 65535');
  return port;
}

function lockOf(text: string): number {
  const ms = Number(text);
  if (!(Number.isInteger(ms) && ms >= 500 && ms <= 600_000)) {
    throw new TypeError('REMINDERS_LOCK_MS must be 500 to 600000');
  }
  return ms;
}

function logLevelOf(text: string): Settings['logLevel'] {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new TypeError(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

function redisUrlOf(text: string): string {
  if (!/^rediss?:\/\/\S+$/.test(text)) throw new TypeError('REDIS_URL must be a URL such as redis://127.0.0.1:6379/0');
  return text;
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.origin !== text) {
    throw new TypeError('WECHAT_ORIGIN must be an origin without a path, such as https://api.weixin.qq.com');
  }
  return url.origin;
}

/** Reads `<factor>,<start on the clock>,<real start>`, for demos and tests; it is the system's clock when that is not set. */
function clockOf(text: string | undefined): Clock {
  if (text === undefined || text === '') return systemClock;
  const [factor = Number.NaN, startAt = Number.NaN, realStartAt = Number.NaN] = text.split(',').map(Number);
  if (!(factor > 0 && Number.isSafeInteger(startAt) && Number.isSafeInteger(realStartAt))) {
    throw new TypeError('REMINDERS_FAST_CLOCK must be a factor and two instants, separated by commas');
  }
  return fastClock(factor, startAt, realStartAt);
}
