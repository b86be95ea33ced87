import { randomBytes } from 'node:crypto';
import { isJsonObject, type JsonValue } from '../../core/primitives/json.js';
import { codeLogin } from './code-login.js';
import { errorAnswer, type FakeEndpoint, textOf } from './endpoint.js';
import { ownerOfToken, refusePost } from './token-check.js';

const DAY = '\\d{4}年(0?[1-9]|1[0-2])月(0?[1-9]|[12]\\d|3[01])日';
const TIME = '([01]?\\d|2[0-3]):[0-5]\\d';

/** The formats that WeChat documents for the values of fields, by the pattern of their names. */
const FIELD_VALUES: readonly (readonly [kind: RegExp, value: RegExp])[] = [
  [/^thing\d+$/, /^.{1,20}$/su],
  [/^phrase\d+$/, /^.{1,5}$/su],
  [/^number\d+$/, /^.{1,32}$/su],
  [/^time\d+$/, oneOrTwo(`(${DAY} ?)?${TIME}`)],
  [/^date\d+$/, oneOrTwo(`${DAY}( ?${TIME})?`)],
];

const session = codeLogin({
  parameter: 'js_code',
  expired: 40029,
  answer: ({ openid }) => ({ openid, session_key: randomBytes(16).toString('base64') }),
});

const sendSubscribeMessage: FakeEndpoint = {
  tokenType: () => undefined,
  appid: ownerOfToken,
  subject: ({ body }) => textOf(body?.['touser']) ?? undefined,
  answer(request, state) {
    const refusal = refusePost(request, state);
    if (refusal !== undefined) return refusal;
    const { touser, template_id, page, data } = request.body ?? {};
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
  return FIELD_VALUES.every(([kind, form]) => !kind.test(name) || form.test(value));
}

/** Returns the pattern of one instant or of a range of two. */
function oneOrTwo(instant: string): RegExp {
  return new RegExp(`^${instant}(~${instant})?$`);
}
