import type { TokenKey } from '../core/model/token-key.js';
import type { JsonObject } from '../core/primitives/json.js';
import { secondsLeft, withSecondsLeft } from '../core/primitives/lifetime-left.js';
import { type StoredGrant, withValue } from '../core/store/key-document.js';
import { withKeyInQuery } from './callback-query.js';
import type { TypeNumbers } from './contract-type-numbers.js';
import type { GuardedRequest } from './guarded-request.js';
import { messageId } from './message-id.js';
import { appSecretOf, signWebhook, type WebhookSecret } from './webhook-signature.js';

/** A token on its way to the target of `notify`. */
export interface DeliveryMessage {
  readonly key: TokenKey;
  readonly notify: string;
  readonly grant: StoredGrant;
  /** The version of the record. */
  readonly version: number;
  /** The signing secrets of the server, from which the secret of each app is derived. Without any, the message is not signed. */
  readonly secrets: readonly WebhookSecret[];
  readonly typeNumbers: TypeNumbers;
  /** The instant at which the token expires on the present clock. */
  readonly endsAt: number;
  readonly now: number;
}

/**
 * Returns the request that delivers a token: WeChat's answer with the remaining lifetime at `now`, signed as described at
 * https://www.standardwebhooks.com.
 */
export function requestFor(message: DeliveryMessage): GuardedRequest {
  const { key, notify, grant, version, secrets, typeNumbers, endsAt, now } = message;
  const url = withKeyInQuery(notify, key, typeNumbers);
  const body = JSON.stringify(answerOf(key, grant, secondsLeft(endsAt, now)));
  const signed =
    secrets.length === 0
      ? {}
      : signWebhook({
          id: messageId(url, { version, expiresAt: grant.expiresAt }),
          timestampSeconds: Math.floor(now / 1_000),
          body,
          secrets: secrets.map((secret) => appSecretOf(secret, key.appid)),
        });
  return {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signed },
    body,
  };
}

/** Returns WeChat's answer, or an equivalent one for a grant that was put without it. */
function answerOf({ type }: TokenKey, { result, value }: StoredGrant, left: number): JsonObject {
  if (result !== undefined) return withSecondsLeft(withValue(result, value), value, left);
  return { [FIELDS.get(type) ?? type]: value, expires_in: left };
}

/** The names that tokens have in WeChat's answers, for the types whose name differs. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ['jsapi_ticket', 'ticket'],
  ['wx_card_ticket', 'ticket'],
  ['oauth2_access_token', 'access_token'],
]);
