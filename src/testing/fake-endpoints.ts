import { randomBytes } from 'node:crypto';
import type { JsonObject } from '../core/json.js';
import { findErrorRow } from '../wechat/error-table.js';
import type { FakeRequest } from './fake-call.js';
import type { FakeQuotaBook } from './fake-quota.js';
import type { FakeTokenBook } from './fake-token-book.js';

/**
 * An app that a {@link FakeWeChat} knows.
 *
 * @public
 */
export interface FakeApp {
  readonly secret: string;
  /** The addresses that may ask for its tokens. Default: all. */
  readonly ipWhitelist?: readonly string[];
}

/** What the endpoints of the fake answer from. */
export interface FakeState {
  readonly tokens: FakeTokenBook;
  readonly quotas: FakeQuotaBook;
  findApp(appid: string): FakeApp | undefined;
}

/** One endpoint of the fake. */
export interface FakeEndpoint {
  /** What it hands out, given a request; `undefined` for nothing. */
  tokenType(request: FakeRequest): string | undefined;
  appid(request: FakeRequest, state: FakeState): string | undefined;
  answer(request: FakeRequest, state: FakeState): JsonObject;
}

const plainToken: FakeEndpoint = {
  tokenType: () => 'access_token',
  appid: ({ query }) => query.get('appid') ?? undefined,
  answer(request, state) {
    const { query } = request;
    const appid = query.get('appid');
    const refusal = refuseApp(request, state, query.get('grant_type'), appid, query.get('secret'));
    if (refusal !== undefined) return refusal;
    return tokenAnswer(state.tokens.plainToken(String(appid)));
  },
};

const stableToken: FakeEndpoint = {
  tokenType: () => 'access_token',
  appid: ({ body }) => textOf(body?.['appid']) ?? undefined,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    if (request.body === undefined) return errorAnswer(47001);
    const { grant_type, appid, secret, force_refresh } = request.body;
    const refusal = refuseApp(request, state, textOf(grant_type), textOf(appid), textOf(secret));
    if (refusal !== undefined) return refusal;
    return tokenAnswer(state.tokens.stableToken(String(appid), force_refresh === true));
  },
};

const TICKET_TYPES: ReadonlyMap<string, string> = new Map([
  ['jsapi', 'jsapi_ticket'],
  ['wx_card', 'wx_card_ticket'],
]);

const ticket: FakeEndpoint = {
  tokenType: ({ query }) => TICKET_TYPES.get(query.get('type') ?? ''),
  appid: ownerOfToken,
  answer(request, state) {
    const refusal = refuseToken(request, state);
    if (refusal !== undefined) return refusal;
    const type = request.query.get('type') ?? '';
    if (!TICKET_TYPES.has(type)) return errorAnswer(47001);
    const { value, expiresInSeconds } = state.tokens.ticket(String(ownerOfToken(request, state)), type);
    return { errcode: 0, errmsg: 'ok', ticket: value, expires_in: expiresInSeconds };
  },
};

const callbackIp: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  answer: (request, state) => refuseToken(request, state) ?? { ip_list: ['127.0.0.1'] },
};

/** The endpoints by path. */
export const FAKE_ENDPOINTS: ReadonlyMap<string, FakeEndpoint> = new Map([
  ['/cgi-bin/token', plainToken],
  ['/cgi-bin/stable_token', stableToken],
  ['/cgi-bin/ticket/getticket', ticket],
  ['/cgi-bin/getcallbackip', callbackIp],
]);

/** An error as WeChat words it, with the tail that is different every time. */
export function errorAnswer(errcode: number | string, errmsg?: string): JsonObject {
  const words = errmsg ?? findErrorRow(Number(errcode))?.errmsg ?? 'unknown error';
  return { errcode, errmsg: `${words} rid: ${rid()}` };
}

function refuseApp(
  request: FakeRequest,
  { quotas, findApp }: FakeState,
  grantType: string | null,
  appid: string | null,
  secret: string | null,
): JsonObject | undefined {
  if (grantType !== 'client_credential') return errorAnswer(40002);
  if (appid === null) return errorAnswer(41002);
  if (secret === null) return errorAnswer(41004);
  const app = findApp(appid);
  if (app === undefined) return errorAnswer(40013);
  if (app.ipWhitelist?.includes(request.ip) === false) {
    return errorAnswer(40164, `invalid ip ${request.ip} ipv6 ::ffff:${request.ip}, not in whitelist`);
  }
  if (app.secret !== secret) return errorAnswer(40125);
  return overQuota(quotas.take(appid, request.path));
}

function refuseToken(request: FakeRequest, state: FakeState): JsonObject | undefined {
  const token = request.query.get('access_token') ?? '';
  if (token === '') return errorAnswer(41001);
  const tokenState = state.tokens.stateOf(token);
  if (tokenState === 'expired') return errorAnswer(42001);
  if (tokenState === 'invalid') return errorAnswer(40001);
  return overQuota(state.quotas.take(String(state.tokens.appidOf(token)), request.path));
}

function overQuota(errcode: number): JsonObject | undefined {
  return errcode === 0 ? undefined : errorAnswer(errcode);
}

function ownerOfToken({ query }: FakeRequest, { tokens }: FakeState): string | undefined {
  return tokens.appidOf(query.get('access_token') ?? '');
}

function tokenAnswer({ value, expiresInSeconds }: { value: string; expiresInSeconds: number }): JsonObject {
  return { access_token: value, expires_in: expiresInSeconds };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function rid(): string {
  const digits = randomBytes(12).toString('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8, 16)}-${digits.slice(16)}`;
}
