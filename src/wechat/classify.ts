import { TokenError, type TokenErrorCode, type TokenErrorFacts } from '../core/model/errors.js';
import { onOneLine } from '../core/primitives/redact.js';
import { type ErrorClass, type ErrorRow, findErrorRow } from './error-table.js';
import { REQUEST_ID, requestIdIn } from './request-id.js';

/** A refusal of WeChat, with the facts that are needed to classify it. */
export interface Refusal {
  readonly errcode: number;
  readonly errmsg: string;
  /** Whether the request carried a token instead of the app's secret. */
  readonly withToken: boolean;
  /** The current time in epoch milliseconds. */
  readonly now: number;
  /** A random number, at least 0 and below 1. */
  readonly random: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const SHANGHAI_OFFSET_MS = 8 * 3_600_000;
const COOL_DOWN_MS = 10 * MINUTE_MS;
const QUOTA_PROBE_MS = 30 * MINUTE_MS;
const MINUTE_SPREAD_MS = 5 * SECOND_MS;
const DAY_SPREAD_MS = 10 * MINUTE_MS;

/** Returns the error for a refusal, which tells what to do and when to try again. */
export function classify(refusal: Refusal): TokenError {
  const { errcode, withToken, now, random } = refusal;
  const { errmsg, rid } = readErrmsg(refusal.errmsg);
  const row = findErrorRow(errcode);
  const ip = readAddress(errmsg);
  const { code, ...verdict } = judge(row, errmsg, withToken, now, random);
  const facts = { errcode, errmsg, rid, ip, hostOnly: row?.hostOnly, ...verdict };
  return new TokenError(code, describe(errcode, errmsg, ip, row), facts);
}

/** Returns the start of the next minute, in epoch milliseconds. */
export function nextMinuteAt(now: number): number {
  return (Math.floor(now / MINUTE_MS) + 1) * MINUTE_MS;
}

/** Returns the start of the next day in Asia/Shanghai, by which WeChat counts quotas, in epoch milliseconds. */
export function nextShanghaiMidnightAt(now: number): number {
  return (Math.floor((now + SHANGHAI_OFFSET_MS) / DAY_MS) + 1) * DAY_MS - SHANGHAI_OFFSET_MS;
}

type Verdict = Pick<TokenErrorFacts, 'retryable' | 'retryAt'> & { readonly code: TokenErrorCode };

function judge(row: ErrorRow | undefined, errmsg: string, withToken: boolean, now: number, random: number): Verdict {
  if (row === undefined) return { code: 'UPSTREAM_REJECTED', retryable: true };
  switch (classOf(row, errmsg, withToken)) {
    case 'retry':
      return { code: 'UPSTREAM_UNAVAILABLE', retryable: true };
    case 'rate':
      return { code: 'QUOTA_EXHAUSTED', retryable: true, retryAt: nextMinuteAt(now) + random * MINUTE_SPREAD_MS };
    case 'quota': {
      const dayAt = nextShanghaiMidnightAt(now) + random * DAY_SPREAD_MS;
      return { code: 'QUOTA_EXHAUSTED', retryable: true, retryAt: Math.min(dayAt, now + QUOTA_PROBE_MS) };
    }
    case 'stale':
      return { code: 'UPSTREAM_REJECTED', retryable: true };
    case 'reauth':
      return { code: 'REAUTHORIZATION_REQUIRED', retryAt: now + COOL_DOWN_MS };
    case 'ticket':
      return { code: 'INPUT_MISSING', retryAt: now + COOL_DOWN_MS };
    default:
      return { code: 'UPSTREAM_REJECTED', retryAt: now + (row.coolDownMs ?? COOL_DOWN_MS) };
  }
}

function classOf(row: ErrorRow, errmsg: string, withToken: boolean): ErrorClass {
  if (withToken && row.classWithToken !== undefined) return row.classWithToken;
  if (row.classByMinute !== undefined && /minute|分钟/i.test(errmsg)) return row.classByMinute;
  return row.class;
}

const READ_LENGTH = 2_000;
const SHOWN_LENGTH = 200;
const HINT = /(?:, ?)?\bhint:? ?\[[^\]]*\]?/i;
/**
 * The pattern of the caller's address in the messages of 40164 (`invalid ip`), 61004 (`requestIP:`) and WeCom's 60020
 * (`from ip:`).
 */
const ADDRESS = /\b(?:invalid ip|request ?ip|from ip):? ?\[?([0-9a-f.:]{2,45})/i;
/** The prefix of an IPv4 address in IPv6 notation, which WeChat's whitelists do not accept. */
const MAPPED = /^::ffff:(?=[0-9.]+$)/i;
const IP_V4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Separates the message from the tail that WeChat appends, which differs every time. */
function readErrmsg(raw: string): { errmsg: string; rid: string | undefined } {
  const line = onOneLine(raw.slice(0, READ_LENGTH));
  const rid = requestIdIn(line);
  const errmsg = line.replace(REQUEST_ID, '').replace(HINT, '').trim().replace(/,$/, '').slice(0, SHOWN_LENGTH);
  return { errmsg, rid };
}

/** Returns the address of the request as WeChat saw it, if the message contains it. */
function readAddress(errmsg: string): string | undefined {
  const address = ADDRESS.exec(errmsg)?.[1]?.replace(/[.:]$/, '').replace(MAPPED, '');
  return address !== undefined && isAddress(address) ? address : undefined;
}

/** Returns whether a text is an IP address, as `isIP` does, without `node:net`, which takes milliseconds to load. */
function isAddress(text: string): boolean {
  return IP_V4.test(text) || URL.canParse(`http://[${text}]`);
}

function describe(errcode: number, errmsg: string, ip: string | undefined, row: ErrorRow | undefined): string {
  const refused = errmsg === '' ? `WeChat answered ${errcode}` : `WeChat answered ${errcode} (${errmsg})`;
  if (ip !== undefined) return `${refused}: add ${ip} to the IP whitelist of the account`;
  return row === undefined ? refused : `${refused}: ${row.meaning}`;
}
