import type { FakeAccountBook } from '../accounts/account-book.js';
import type { FakePlatformBook } from '../fake/platform-book.js';
import { longNumber } from './long-number.js';
import type { FakePushFields } from './push-fields.js';

/** The state from which missing fields are filled in. */
export interface PushBooks {
  readonly accounts: FakeAccountBook;
  readonly platforms: FakePlatformBook;
}

/** The receiver of a push. */
export interface PushedTo {
  /** The app whose settings are used. */
  readonly appid: string;
  /** The authorizer of a platform that a message is for. */
  readonly authorizer?: string | undefined;
}

const OPENID = 'oFollower-1';

/** Returns whether a push is one to a platform about itself, rather than a message or an event of an account. */
export function isPlatformPush(fields: FakePushFields): boolean {
  return Object.hasOwn(fields, 'InfoType');
}

/** Returns the content of a push with the fields that it lacks, as WeChat would fill them in. */
export function completed(
  content: FakePushFields,
  { appid, authorizer }: PushedTo,
  { accounts, platforms }: PushBooks,
  now: number,
): FakePushFields {
  const createTime = Math.floor(now / 1_000);
  if (isPlatformPush(content)) {
    const added = platformFields(content, appid, platforms);
    // The content comes first for the order of the fields, and last for their values.
    return { AppId: appid, CreateTime: createTime, ...content, ...added, ...content };
  }
  return {
    ToUserName: accounts.accountOf(authorizer ?? appid).userName,
    FromUserName: OPENID,
    CreateTime: createTime,
    ...content,
    ...(content['MsgType'] !== 'event' && !Object.hasOwn(content, 'MsgId') && { MsgId: longNumber() }),
  };
}

function platformFields(content: FakePushFields, component: string, platforms: FakePlatformBook): FakePushFields {
  const { InfoType: infoType, AuthorizerAppid: authorizer } = content;
  if (infoType === 'component_verify_ticket' && !Object.hasOwn(content, 'ComponentVerifyTicket')) {
    return { ComponentVerifyTicket: platforms.pushTicket(component) };
  }
  if ((infoType !== 'authorized' && infoType !== 'updateauthorized') || typeof authorizer !== 'string') return {};
  const { AuthorizationCode: given } = content;
  const isCodeGiven = Object.hasOwn(content, 'AuthorizationCode');
  const code = isCodeGiven ? given : platforms.authorizeWithCode(component, authorizer);
  const end = typeof code === 'string' ? platforms.codes.endOf(code) : undefined;
  return {
    AuthorizationCode: code,
    AuthorizationCodeExpiredTime: end === undefined ? undefined : Math.floor(end / 1_000),
    PreAuthCode: platforms.preAuthCodes.create(component),
  };
}
