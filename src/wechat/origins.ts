import type { Clock } from '../core/concurrency/clock.js';
import { mapMembers } from '../core/primitives/assert-options.js';
import { boundedCache } from '../core/primitives/bounded-cache.js';
import { isArray } from '../core/primitives/foreign-objects.js';
import { describeKind, describeName } from '../core/primitives/redact.js';

/** A host of WeChat with the outcomes of recent requests. */
export interface Origin {
  /** The URL, such as `https://api.weixin.qq.com`. */
  readonly url: string;
  /** The number of consecutive requests without an answer. */
  failures: number;
  /** The number of consecutive requests without a connection, a failure that affects every token. */
  unconnected: number;
  /** Whether the last failure lies with this host alone. */
  hostOnly: boolean;
  /** The time of the next probe on the monotonic clock. It is used while the origin is skipped. */
  nextProbeAtMs: number;
  /** The number of times that the origin has answered after a failure. */
  answers: number;
  /** The number of tokens, by app and type, whose requests have failed since the last answer. */
  silentTokens: number;
  /** The failures of single tokens, by app and type, whose last request got no answer. */
  readonly silent: ReturnType<typeof boundedCache<string, Silence>>;
}

/** The consecutive requests for the token of one app and type that got no answer. */
interface Silence {
  /** The number of these requests. */
  failures: number;
  /** The value of the origin's `answers` at the last of these requests. */
  answers: number;
  nextProbeAtMs: number;
}

const SKIPPED_AFTER_FAILURES = 20;
const PROBE_EVERY_MS = 1_000;
const MAX_REMEMBERED = 10_000;
const NEVER_NOTED = -1;

/**
 * Selects the host to ask, in order of preference. A host that has not answered for long is skipped except for probes.
 * Missing answers for the token of one app and type do not affect other tokens, which still ask the host until they get
 * no answer either.
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

  /** Returns the URLs of the hosts in order of preference. */
  get urls(): readonly string[] {
    return this.#origins.map(({ url }) => url);
  }

  /** Returns whether the failures of all origins lie with this host. */
  get hostOnly(): boolean {
    return this.#origins.every((origin) => origin.hostOnly);
  }

  /**
   * Returns the first origin that may be asked and is not `tried`. The request may count as the probe of an origin for
   * this second.
   *
   * @param token - the app and type of the requested token.
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
      // With so many silent tokens the cache is full, and forgotten ones would be asked for again, so that the origin
      // counts as down for all.
      const isOutage = origin.unconnected >= SKIPPED_AFTER_FAILURES || origin.silentTokens >= MAX_REMEMBERED;
      return (!isOutage && silence?.answers !== origin.answers) || this.#isProbe(origin);
    }
    return silence === undefined || silence.failures < SKIPPED_AFTER_FAILURES || this.#isProbe(silence);
  }

  /** Returns whether a probe may be made now, and schedules the next one if so. */
  #isProbe(asked: Pick<Silence, 'nextProbeAtMs'>): boolean {
    const now = this.#clock.monotonic();
    if (now < asked.nextProbeAtMs) return false;
    asked.nextProbeAtMs = now + PROBE_EVERY_MS;
    return true;
  }
}

/**
 * Validates the `wechat.origins` option, and returns it in a uniform spelling.
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
 * Validates the `wechat.proxy` option. Errors show no part of it, because it may contain credentials.
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
    // The result is used because a bundler may remove a call whose result is unused, and with it the error for malformed
    // encoding.
    return decodeURIComponent(text).length <= text.length;
  } catch {
    return false;
  }
}

function describeOrigin(origin: unknown, url: URL | undefined): string {
  if (typeof origin === 'string' && (url !== undefined || origin.includes('@'))) return 'one with credentials';
  return describeName(origin);
}
