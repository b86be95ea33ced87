import { createHmac, timingSafeEqual } from 'node:crypto';
import { isUint8Array } from 'node:util/types';
import { assertInteger, assertNumber, copyFields, mapMembers } from '../core/primitives/assert-options.js';
import { isArray, memberOf } from '../core/primitives/foreign-objects.js';
import { describeKind } from '../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../core/primitives/stray-characters.js';
import { keyOfMessage } from './message-id.js';

/**
 * 24 to 64 random bytes, as they are or as `whsec_` and their base64.
 *
 * @public
 */
export type WebhookSecret = string | Uint8Array;

/** The headers that https://www.standardwebhooks.com defines. */
export type WebhookHeaders = {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
};

export interface WebhookToSign {
  /** The id of the message, the same for every attempt to deliver it: printable ASCII without a full stop. */
  readonly id: string;
  readonly timestampSeconds: number;
  readonly body: string | Uint8Array;
  /** The secrets, each of which makes a signature. There are two while receivers change from one to the other. */
  readonly secrets: readonly WebhookSecret[];
}

/**
 * Headers as `Headers`, or as an object whose names may be written in any case.
 *
 * @public
 */
export type ReceivedHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The webhook that `verifyWebhook` checks, as it was received.
 *
 * @public
 */
export interface WebhookToVerify {
  /** The headers of the request. */
  readonly headers: ReceivedHeaders;
  /** The body as it came, before anything has parsed it. */
  readonly body: string | Uint8Array;
  /** The secret that the sender signs with. For a receiver of one app it is the result of {@link appSecretOf}. */
  readonly secret: WebhookSecret;
  /**
   * The URL as it was requested, absolute or from its path on. When it is given, `appid`, `type` and `subject` in its query must
   * be those that `webhook-id` stands for: the signature does not cover them.
   *
   * @defaultValue they are not compared
   */
  readonly url?: string | URL | undefined;
  /**
   * Returns the time in epoch milliseconds.
   *
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined;
  /**
   * The time by which the timestamp may differ from now, either way.
   *
   * @defaultValue 300 s
   * @bounds 0 to 31,536,000 s
   */
  readonly toleranceSeconds?: number | undefined;
}

/**
 * The id and the time of a webhook, once it is known to be genuine.
 *
 * @public
 */
export interface VerifiedWebhook {
  /**
   * The id of the message. One that was seen before is a repetition.
   *
   * The id of a `notify` is `<hash>-<version>-<expiresAt>`: the first 24 hex digits of the SHA-256 of appid, type and subject as
   * they are in the query, joined by line feeds (an absent subject is empty), the version of the token, and its end in epoch
   * milliseconds.
   */
  readonly id: string;
  /** The time at which it was sent, in seconds since the epoch. */
  readonly timestampSeconds: number;
  /**
   * The app that it is about, if `url` was given. A query may have a name twice, and parsers differ in which value they take:
   * only this one, `type` and `subject` were verified.
   */
  readonly appid?: string;
  /** The number of its type, or the name if there is none, if `url` was given. */
  readonly type?: string;
  /** Its subject, if it has one and `url` was given. */
  readonly subject?: string;
}

/**
 * Reports that a webhook is not genuine: a header is `missing` or `malformed`, its timestamp is too `old` or too `new`, or
 * no signature is that of the secret and body, or the id is not that of a message to the URL (`wrong`).
 *
 * @public
 */
export class WebhookRefused extends Error {
  override readonly name: string = 'WebhookRefused';
  /** The reason for which it is refused. */
  readonly reason: 'missing' | 'malformed' | 'old' | 'new' | 'wrong';

  constructor(reason: WebhookRefused['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

const PREFIX = 'whsec_';
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;
/**
 * The form of an id. A full stop is not allowed, because it separates the parts of the signed text: `1.2` and `3` must
 * not be taken for `1` and `2.3`.
 */
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/;
const TIMESTAMP = /^\d{1,11}$/;
/** The largest timestamp in seconds, chosen so that milliseconds are not taken for seconds. */
const MAX_TIMESTAMP = 99_999_999_999;
const MAX_TOLERANCE_SECONDS = 31_536_000;

/**
 * Signs a webhook, and returns its headers.
 *
 * @throws TypeError naming what is wrong, without any part of a secret.
 */
export function signWebhook({ id, timestampSeconds, body, secrets }: WebhookToSign): WebhookHeaders {
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new TypeError('id must be 1 to 256 printable ASCII characters without spaces and full stops');
  }
  assertInteger('timestampSeconds', timestampSeconds, 0, MAX_TIMESTAMP);
  assertBody(body);
  if (!isArray(secrets) || secrets.length === 0) {
    throw new TypeError(`secrets must be an array of at least one secret, got ${describeKind(secrets)}`);
  }
  const timestamp = String(timestampSeconds);
  const keys = mapMembers(secrets, 'secrets', (secret, index) => secretBytes(secret, `secrets[${index}]`));
  const signatures = keys.map((key) => signature(key, id, timestamp, body));
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

/**
 * Returns the webhook secret of one app, which does not reveal the secrets of other apps to its receiver.
 *
 * @throws TypeError when the secret is none, or the appid no string.
 *
 * @public
 */
export function appSecretOf(secret: WebhookSecret, appid: string): Buffer {
  if (typeof appid !== 'string') throw new TypeError(`appid must be a string, got ${describeKind(appid)}`);
  return createHmac('sha256', secretBytes(secret, 'secret')).update(appid).digest();
}

/**
 * Verifies a webhook: it returns only if the webhook was signed with the secret, is unchanged, and was sent just now.
 *
 * @throws WebhookRefused when it is not genuine, and TypeError for wrong arguments.
 *
 * @public
 */
export function verifyWebhook(webhook: WebhookToVerify): VerifiedWebhook {
  const { headers, body, secret, url, now = Date.now, toleranceSeconds = 300 } = readWebhook(webhook);
  const key = secretBytes(secret, 'secret');
  assertBody(body);
  assertUrl(url);
  assertNumber('toleranceSeconds', toleranceSeconds, 0, MAX_TOLERANCE_SECONDS);
  const nowMs = readNow(now);
  const id = receivedHeader(headers, 'webhook-id', ID);
  const timestamp = receivedHeader(headers, 'webhook-timestamp', TIMESTAMP);
  const signatures = receivedHeader(headers, 'webhook-signature', /./);
  assertRecent(Number(timestamp), Math.floor(nowMs / 1_000), toleranceSeconds);
  if (!holdsSignature(signatures, signature(key, id, timestamp, body))) {
    throw new WebhookRefused('wrong', 'webhook-signature contains no valid signature of this body with this secret');
  }
  const verified = { id, timestampSeconds: Number(timestamp) };
  if (url === undefined) return verified;
  const about = keyOfMessage(url, id);
  if (about === undefined) throw new WebhookRefused('wrong', 'webhook-id does not belong to a message to this url');
  const { appid, type, subject } = about;
  return { ...verified, appid, type, ...(subject !== '' && { subject }) };
}

/** Reads the time. Without this check a clock that returns NaN would make every timestamp pass for a recent one. */
function readNow(now: unknown): number {
  if (typeof now !== 'function') throw new TypeError(`now must be a function, got ${describeKind(now)}`);
  const nowMs: unknown = now();
  assertNumber('what now returns', nowMs, 0, Number.MAX_SAFE_INTEGER);
  return nowMs as number;
}

function readWebhook(webhook: WebhookToVerify): WebhookToVerify {
  const names = ['headers', 'body', 'secret', 'url', 'now', 'toleranceSeconds'] as const;
  return copyFields<WebhookToVerify>(webhook, names, 'a webhook') as WebhookToVerify;
}

function signature(key: Uint8Array, id: string, timestamp: string, body: string | Uint8Array): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`;
}

/**
 * Compares a received signature with all expected ones in constant time, so that the duration does not reveal which one
 * was nearly right.
 */
function holdsSignature(received: string, expected: string): boolean {
  const wanted = Buffer.from(expected);
  const candidates = received.split(' ').map((candidate) => Buffer.from(candidate));
  return (
    candidates.filter(({ length }) => length === wanted.length).filter((one) => timingSafeEqual(one, wanted)).length > 0
  );
}

function assertRecent(timestamp: number, now: number, tolerance: number): void {
  const age = now - timestamp;
  if (age > tolerance) {
    throw new WebhookRefused('old', `webhook-timestamp is ${age} s ago, and ${tolerance} s are allowed`);
  }
  if (-age > tolerance) {
    throw new WebhookRefused('new', `webhook-timestamp is ${-age} s ahead, and ${tolerance} s are allowed`);
  }
}

function receivedHeader(headers: ReceivedHeaders, name: string, form: RegExp): string {
  const value = headerOf(headers, name);
  if (value === undefined || value === '') throw new WebhookRefused('missing', `the header ${name} is missing`);
  if (!form.test(value)) throw new WebhookRefused('malformed', `the header ${name} is malformed`);
  return value;
}

function headerOf(headers: ReceivedHeaders, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) {
    throw new TypeError(`headers must be an object, got ${describeKind(headers)}`);
  }
  const value = readHeader(headers, name);
  if (value === undefined || typeof value === 'string') return value;
  throw new TypeError(`headers: ${name} must be a string, got ${describeKind(value)}`);
}

function readHeader(headers: ReceivedHeaders, name: string): unknown {
  try {
    if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
    const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name) ?? [];
    return isArray(value) ? value.join(' ') : value;
  } catch {
    throw new TypeError(`headers: ${name} cannot be read`);
  }
}

function secretBytes(secret: unknown, name: string): Uint8Array {
  if (typeof secret === 'string') assertNoStrayCharacter(name, secret);
  const bytes = isUint8Array(secret) ? secret : bytesOfText(secret);
  if (bytes === undefined || bytes.length < MIN_SECRET_BYTES || bytes.length > MAX_SECRET_BYTES) {
    const got = bytes === undefined ? describeKind(secret) : `${bytes.length} bytes`;
    throw new TypeError(
      `${name} must be ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, as a Uint8Array or as ${PREFIX} and their base64, got ${got}`,
    );
  }
  return bytes;
}

function bytesOfText(secret: unknown): Uint8Array | undefined {
  if (typeof secret !== 'string' || !secret.startsWith(PREFIX)) return undefined;
  const text = secret.slice(PREFIX.length);
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

function assertBody(body: unknown): void {
  if (typeof body === 'string' || isUint8Array(body)) return;
  throw new TypeError(`body must be the raw body as a string or Uint8Array, got ${describeKind(body)}`);
}

function assertUrl(url: unknown): void {
  // Any string is allowed: the sender of the request chooses its path, and a path such as `//` is not a mistake of the
  // receiver.
  if (url === undefined || typeof url === 'string' || typeof memberOf(url, 'href') === 'string') return;
  throw new TypeError(`url must be a URL or its path and query, got ${describeKind(url)}`);
}
