import { isAppid } from '../../core/model/token-key.js';
import { secretHash } from '../../core/primitives/secret-hash.js';
import type { PushContent } from '../content/push-content.js';
import { AHEAD_MS, createTimeOf, requiredText } from '../content/push-fields.js';
import { PushRefused } from '../content/push-refused.js';
import type { Authorization, OwedWork, StoredAuthorization } from './authorization-documents.js';

/** A push about a merchant's authorization. */
export interface AuthorizationPush {
  readonly authorizer: string;
  readonly createdAt: number;
  /** The code that is exchanged for the tokens; `undefined` if the authorization has ended. */
  readonly code: string | undefined;
}

const CODE = /^[\x21-\x7e]{1,1024}$/;
const REGISTERED = '0';

/**
 * Reads a push about an authorization from its content; returns `undefined` for any other push.
 *
 * @param now - the time as WeChat knows it.
 * @throws PushRefused for one with a field that is missing or malformed.
 */
export function authorizationPushIn(
  infoType: string,
  content: PushContent,
  now: number,
): AuthorizationPush | undefined {
  switch (infoType) {
    case 'authorized':
    case 'updateauthorized':
      return checked(content, requiredText(content, 'AuthorizerAppid'), content.textOf('AuthorizationCode') ?? '', now);
    case 'unauthorized':
      return checked(content, requiredText(content, 'AuthorizerAppid'), undefined, now);
    case 'notify_third_fasteregister':
      // A mini program that was registered by the platform: it has authorized the platform from the beginning.
      if (content.textOf('status') !== REGISTERED || !content.textOf('auth_code')) return undefined;
      return checked(content, requiredText(content, 'appid'), content.textOf('auth_code') ?? '', now);
    default:
      return undefined;
  }
}

/** Returns whether a text can be an authorization code. */
export function isAuthorizationCode(text: string): boolean {
  return CODE.test(text);
}

function checked(content: PushContent, authorizer: string, code: string | undefined, now: number): AuthorizationPush {
  const createdAt = createTimeOf(content);
  if (createdAt > now + AHEAD_MS) throw new PushRefused(400, 'CreateTime of the authorization is ahead');
  if (!isAppid(authorizer)) throw new PushRefused(400, 'the appid of the authorizer is malformed');
  if (code !== undefined && !isAuthorizationCode(code))
    throw new PushRefused(400, 'the authorization code is malformed');
  return { authorizer, createdAt, code };
}

/**
 * Returns what is to be done after a push; `undefined` if nothing is, because the push is older than the stored state, or a
 * repetition. WeChat's times are in seconds: of two pushes of the same second, an authorization whose code can be exchanged
 * wins.
 */
export function owedAfter(push: AuthorizationPush, stored: StoredAuthorization): OwedWork | undefined {
  const { authorization, owed } = stored;
  if (push.createdAt < Math.max(authorization?.changedAt ?? 0, owed?.createdAt ?? 0)) return undefined;
  return push.code === undefined
    ? removalAfter(push, authorization, owed)
    : exchangeAfter({ ...push, code: push.code }, authorization, owed);
}

function exchangeAfter(
  { code, createdAt }: AuthorizationPush & { readonly code: string },
  authorization: Authorization | undefined,
  owed: OwedWork | undefined,
): OwedWork | undefined {
  if (owed?.kind === 'exchange' && owed.code === code) return undefined;
  if (authorization?.codeHash === secretHash(code)) return undefined;
  return { kind: 'exchange', code, createdAt, orRemoval: owed?.kind === 'removal' && owed.createdAt === createdAt };
}

function removalAfter(
  { createdAt }: AuthorizationPush,
  authorization: Authorization | undefined,
  owed: OwedWork | undefined,
): OwedWork | undefined {
  if (owed?.createdAt === createdAt) return owed.kind === 'exchange' ? { ...owed, orRemoval: true } : undefined;
  if (owed === undefined && authorization?.changedAt === createdAt) return undefined;
  return { kind: 'removal', createdAt };
}
