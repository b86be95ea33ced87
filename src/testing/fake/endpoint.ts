import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../../core/primitives/json.js';
import { findErrorRow } from '../../wechat/error-table.js';
import type { FakeAccountBook } from '../accounts/account-book.js';
import type { FakeRequest } from './call.js';
import type { FakeCustomMessageBook } from './custom-message-book.js';
import type { FakePlatformBook } from './platform-book.js';
import type { FakePromptBook } from './prompt-book.js';
import type { FakeQuotaBook } from './quota.js';
import type { FakeTicketBook } from './ticket-book.js';
import type { FakeTokenBook } from './token-book.js';
import type { FakeUserBook } from './user-book.js';

/**
 * An app that a {@link FakeWeChat} knows.
 *
 * @public
 */
export interface FakeApp {
  /** The secret of the app. */
  readonly secret: string;
  /**
   * The addresses that may ask for its tokens.
   *
   * @defaultValue all addresses
   */
  readonly ipWhitelist?: readonly string[];
}

/** The state from which the endpoints of the fake answer. */
export interface FakeState {
  readonly tokens: FakeTokenBook;
  readonly tickets: FakeTicketBook;
  readonly users: FakeUserBook;
  readonly platforms: FakePlatformBook;
  readonly accounts: FakeAccountBook;
  readonly prompts: FakePromptBook;
  readonly customMessages: FakeCustomMessageBook;
  readonly quotas: FakeQuotaBook;
  findApp(appid: string): FakeApp | undefined;
}

/** An endpoint of the fake. */
export interface FakeEndpoint {
  /** Returns the type of the token that a request obtains; `undefined` for none. */
  tokenType(request: FakeRequest): string | undefined;
  appid(request: FakeRequest, state: FakeState): string | undefined;
  /** Returns the openid or the merchant's appid that a request concerns. Default: none. */
  subject?(request: FakeRequest, state: FakeState): string | undefined;
  answer(request: FakeRequest, state: FakeState): JsonObject;
}

/** Returns an error in WeChat's format, with a tail that differs every time. */
export function errorAnswer(errcode: number | string, errmsg?: string): JsonObject {
  const words = errmsg ?? findErrorRow(Number(errcode))?.errmsg ?? 'unknown error';
  return { errcode, errmsg: `${words} rid: ${rid()}` };
}

/** Returns the error for a request that does not come from the app or exceeds its quota; `undefined` otherwise. */
export function refuseApp(
  request: FakeRequest,
  { quotas, findApp }: FakeState,
  appid: string | null,
  secret: string | null,
): JsonObject | undefined {
  if (appid === null) return errorAnswer(41002);
  if (secret === null) return errorAnswer(41004);
  const app = findApp(appid);
  if (app === undefined) return errorAnswer(40013);
  if (isForeignAddress(request, app)) {
    return errorAnswer(40164, `invalid ip ${request.ip} ipv6 ::ffff:${request.ip}, not in whitelist`);
  }
  if (app.secret !== secret) return errorAnswer(40125);
  return overQuota(quotas.take(appid, request.path));
}

export function isForeignAddress({ ip }: FakeRequest, app: FakeApp | undefined): boolean {
  return app?.ipWhitelist?.includes(ip) === false;
}

export function overQuota(errcode: number): JsonObject | undefined {
  return errcode === 0 ? undefined : errorAnswer(errcode);
}

export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function rid(): string {
  const digits = randomBytes(12).toString('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8, 16)}-${digits.slice(16)}`;
}
