import { createHash } from 'node:crypto';
import { isJsonObject, type JsonValue } from '../core/json.js';
import { errorAnswer, type FakeEndpoint, refuseApp, textOf } from './fake-endpoint.js';
import { ownerOfToken, refuseToken } from './fake-token-check.js';

const CODE_REFUSALS = { unknown: 40029, used: 40163, expired: 40029 } as const;
/** How many characters WeChat takes in a field whose name begins so. */
const FIELD_LIMITS: readonly (readonly [kind: RegExp, limit: number])[] = [
  [/^thing\d+$/, 20],
  [/^phrase\d+$/, 5],
  [/^number\d+$/, 32],
];

const session: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ({ query }) => query.get('appid') ?? undefined,
  subject: ({ query }, { users }) => users.userOf(query.get('js_code') ?? '')?.openid,
  answer(request, state) {
    const { query } = request;
    const appid = query.get('appid') || null;
    if (query.get('grant_type') !== 'authorization_code') return errorAnswer(40002);
    const refusal = refuseApp(request, state, appid, query.get('secret') || null);
    if (refusal !== undefined) return refusal;
    const code = query.get('js_code') ?? '';
    if (code === '') return errorAnswer(41008);
    const user = state.users.takeCode(String(appid), code);
    if (typeof user === 'string') return errorAnswer(CODE_REFUSALS[user]);
    return { openid: user.openid, session_key: sessionKeyOf(code) };
  },
};

const sendSubscribeMessage: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  subject: ({ body }) => textOf(body?.['touser']) ?? undefined,
  answer(request, state) {
    if (request.method !== 'POST') return errorAnswer(43002);
    const refusal = refuseToken(request, state);
    if (refusal !== undefined) return refusal;
    if (request.body === undefined) return errorAnswer(47001);
    const { touser, template_id, page, data } = request.body;
    const openid = textOf(touser);
    const templateId = textOf(template_id);
    if (openid === null) return errorAnswer(40003, 'invalid openid');
    if (templateId === null) return errorAnswer(40037, 'invalid template_id');
    if (!isJsonObject(data)) return errorAnswer(47003, 'argument invalid! data is missing');
    const unusable = Object.keys(data).find((name) => !isUsableField(name, data[name]));
    if (unusable !== undefined) return errorAnswer(47003, `argument invalid! data.${unusable}.value is invalid`);
    const message = {
      appid: String(ownerOfToken(request, state)),
      openid,
      templateId,
      page: textOf(page) ?? undefined,
      data,
    };
    const number = state.prompts.deliver(message);
    if (number === undefined) return errorAnswer(43101, 'user refuse to accept the msg');
    return { errcode: 0, errmsg: 'ok', msgid: number };
  },
};

export const MINI_PROGRAM_ENDPOINTS: readonly (readonly [path: string, endpoint: FakeEndpoint])[] = [
  ['/sns/jscode2session', session],
  ['/cgi-bin/message/subscribe/send', sendSubscribeMessage],
];

function isUsableField(name: string, field: JsonValue | undefined): boolean {
  const value = isJsonObject(field) ? textOf(field['value']) : null;
  if (value === null) return false;
  return FIELD_LIMITS.every(([kind, limit]) => !kind.test(name) || [...value].length <= limit);
}

/** WeChat answers 24 characters of Base64; this one repeats for the same code, which a test can rely on. */
function sessionKeyOf(code: string): string {
  return createHash('md5').update(code).digest('base64');
}
