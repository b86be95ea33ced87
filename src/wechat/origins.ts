import type { Clock } from '../core/concurrency/clock.js';
import { mapMembers } from '../core/primitives/assert-options.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';
import { isArray } from '../core/primitives/foreign-objects.js';
import { describeKind, describeName } from '../core/primitives/redact.js';

/** One host of WeChat and how it has answered lately. */
export interface Origin {
  /** Such as `https://api.weixin.qq.com`. */
  readonly url: string;
  /** The number of requests in a row that got no answer. */
  failures: number;
  /** The number of requests in a row that got no connection, which says something of every token. */
  unconnected: number;
  /** Whether the last of them lies with this host alone. */
  hostOnly: boolean;
  /** On the monotonic clock; counts once the origin is skipped. */
  nextProbeAtMs: number;
  /** The number of times that it has answered after a failure. */
  answers: number;
  /** The number of tokens, by app and type, that have got no answer since it answered last. */
  silentTokens: number;
  /** The silence for single tokens, by app and type, that got no answer the last time. */
  readonly silent: ReturnType<typeof boundedCache<string, Silence>>;
}

/** Requests for the token of one app and type that got no answer. */
interface Silence {
  /** The number of such requests in a row. */
  failures: number;
  /** The value of the origin's `answers` at the last of them. */
  answers: number;
  nextProbeAtMs: number;
}

const SKIPPED_AFTER_FAILURES = 20;
const PROBE_EVERY_MS = 1_000;
const MAX_REMEMBERED = 10_000;
const NEVER_NOTED = -1;

/**
 * Keeps the hosts that are asked, in order of preference. One that has been silent for long is skipped but for a probe. Silence
 * for the token of one app and type says nothing of others: they are asked for until they have got no answer either.
 */
export class Origins {
  readonly #clock: Clock;
  readonly #origins: readonly Origin[];

  constructor(urls: readonly string[], clock: Clock) {
    this.#clock = clock;
    this.#origins = urls.map((url) => ({
      url,
      failures: 0,
      unconnected: 0,
      hostOnly: false,
      nextProbeAtMs: 0,
      answers: 0,
      silentTokens: 0,
      silent: boundedCache<string, Silence>(MAX_REMEMBERED),
    }));
  }

  get size(): number {
    return this.#origins.length;
  }

  /** Returns whether the silence of every origin lies with this host. */
  get hostOnly(): boolean {
    return this.#origins.every((origin) => origin.hostOnly);
  }

  /**
   * Returns the first origin that may be asked and is not `tried`. To be handed out may be its probe of this second.
   *
   * @param token - the app and type of what is asked for.
   */
  take(token: string, tried?: Origin): Origin | undefined {
    return this.#origins.find((origin) => origin !== tried && this.#mayAsk(origin, token));
  }

  answered(origin: Origin, token: string): void {
    if (origin.failures > 0) origin.answers += 1;
    origin.failures = 0;
    origin.unconnected = 0;
    origin.silentTokens = 0;
    origin.hostOnly = false;
    if (origin.silent.size > 0) origin.silent.delete(token);
  }

  failed(origin: Origin, token: string, hostOnly: boolean): void {
    const nextProbeAtMs = this.#clock.monotonic() + PROBE_EVERY_MS;
    origin.failures += 1;
    origin.unconnected = hostOnly ? origin.unconnected + 1 : 0;
    origin.hostOnly = hostOnly;
    if (origin.failures === SKIPPED_AFTER_FAILURES) origin.nextProbeAtMs = nextProbeAtMs;
    const silence = origin.silent.get(token) ?? { failures: 0, answers: NEVER_NOTED, nextProbeAtMs };
    origin.silent.set(token, silence);
    if (silence.answers !== origin.answers) origin.silentTokens += 1;
    silence.failures += 1;
    silence.answers = origin.answers;
    if (silence.failures === SKIPPED_AFTER_FAILURES) silence.nextProbeAtMs = nextProbeAtMs;
  }

  #mayAsk(origin: Origin, token: string): boolean {
    const silence = origin.silent.get(token);
    if (origin.failures >= SKIPPED_AFTER_FAILURES) {
      // So many are remembered: of any more it would be forgotten that they have been asked for.
      const isOutage = origin.unconnected >= SKIPPED_AFTER_FAILURES || origin.silentTokens >= MAX_REMEMBERED;
      return (!isOutage && silence?.answers !== origin.answers) || this.#isProbe(origin);
    }
    return silence === undefined || silence.failures < SKIPPED_AFTER_FAILURES || this.#isProbe(silence);
  }

  /** Returns whether the probe of this second is still to be made, which it is with that. */
  #isProbe(asked: Pick<Silence, 'nextProbeAtMs'>): boolean {
    const now = this.#clock.monotonic();
    if (now < asked.nextProbeAtMs) return false;
    asked.nextProbeAtMs = now + PROBE_EVERY_MS;
    return true;
  }
}

/**
 * Checks the `wechat.origins` option and returns it in one spelling.
 *
 * @throws TypeError unless it is a non-empty array of http or https URLs that name a host and nothing else.
 */
export function parseOrigins(origins: readonly string[]): readonly string[] {
  if (!isArray(origins)) {
    throw new TypeError(`wechat.origins must be an array of at least one URL, got ${describeKind(origins)}`);
  }
  const urls = mapMembers(origins, 'wechat.origins', (origin, index) => {
    const url = parseHostUrl(origin);
    if (url === undefined || url.username !== '' || url.password !== '') {
      throw new TypeError(
        `wechat.origins[${index}] must be an http or https URL without credentials, path and query, such as ` +
          `'https://api.weixin.qq.com', got ${describeOrigin(origin, url)}`,
      );
    }
    return url.origin;
  });
  if (urls.length === 0) throw new TypeError('wechat.origins must be an array of at least one URL, got an empty one');
  return [...new Set(urls)];
}

/**
 * Checks the `wechat.proxy` option. It may hold credentials, so that nothing of it is shown.
 *
 * @throws TypeError unless it is `undefined` or an http or https URL without path and query.
 */
export function parseProxy(proxy: string | undefined): string | undefined {
  if (proxy === undefined) return undefined;
  const url = parseHostUrl(proxy);
  if (url === undefined || !isDecodable(url.username) || !isDecodable(url.password)) {
    throw new TypeError(
      `wechat.proxy must be an http or https URL without path and query, such as 'http://10.0.0.9:3128', got ${describeKind(proxy)}`,
    );
  }
  return url.href;
}

function parseHostUrl(text: unknown): URL | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!['http:', 'https:'].includes(url.protocol)) return undefined;
  return url.pathname === '/' && !/[?#]/.test(text) ? url : undefined;
}

function isDecodable(text: string): boolean {
  try {
    // Something is made of it: a bundler leaves out a call of which nothing is, and its failure with it.
    return decodeURIComponent(text).length <= text.length;
  } catch {
    return false;
  }
}

function describeOrigin(origin: unknown, url: URL | undefined): string {
  if (typeof origin === 'string' && (url !== undefined || origin.includes('@'))) return 'one with credentials';
  return describeName(origin);
}
