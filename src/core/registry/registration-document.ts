import { markFrom } from '../model/enrolment.js';
import { type PushSettings, pushContent, pushFrom } from '../model/push/push-settings.js';
import type { AccessTokenMode, AppCredentials } from '../model/refresher.js';
import type { StoredDocument } from '../model/store.js';
import type { TokenKey } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';
import { unseal } from '../store/document-codec.js';
import type { RegisteredTask } from './task-entry.js';

/** An app in its registered state. */
export interface RegisteredApp {
  readonly appid: string;
  readonly secret: string | undefined;
  readonly accessToken: AccessTokenMode | undefined;
  readonly push?: PushSettings | undefined;
  readonly enrolment?: string | undefined;
  readonly version: number;
}

/** Reads an app from the content of its document. */
export function appFrom(appid: string, content: JsonObject, version: number): RegisteredApp {
  const { secret, accessToken } = content;
  return {
    appid,
    secret: typeof secret === 'string' ? secret : undefined,
    accessToken: accessToken === 'stable' || accessToken === 'plain' ? accessToken : undefined,
    push: pushFrom(content),
    enrolment: markFrom(content),
    version,
  };
}

/** Returns the content of a document from which {@link appFrom} reads this app. */
export function contentOf({ secret, accessToken, push, enrolment }: RegisteredApp): JsonObject {
  return {
    ...(secret === undefined ? {} : { secret }),
    ...(accessToken === undefined ? {} : { accessToken }),
    ...pushContent(push),
    ...(enrolment === undefined ? {} : { enrolment }),
  };
}

/** Returns the credentials that requests of an app use. */
export function credentialsOf(app: RegisteredApp, byDefault: AccessTokenMode): AppCredentials {
  return { appid: app.appid, secret: app.secret, accessToken: app.accessToken ?? byDefault };
}

/** Reads a task from the content of its document. A params function is taken from the known task. */
export function taskFrom(
  key: TokenKey,
  content: JsonObject,
  version: number,
  before: RegisteredTask | undefined,
): RegisteredTask {
  const notify = typeof content['notify'] === 'string' ? content['notify'] : undefined;
  const enrolment = markFrom(content);
  if (content['paramsFunction'] === true) {
    const known = typeof before?.params === 'function' ? before.params : undefined;
    return { key, params: known, notify, functionMissing: known === undefined, enrolment, version };
  }
  const { params } = content;
  const isKnown = isJsonObject(params) || typeof params === 'string';
  return { key, params: isKnown ? params : undefined, notify, functionMissing: false, enrolment, version };
}

/**
 * Reads a task from its document, which may be absent.
 *
 * @throws the errors of {@link unseal}.
 */
export function unsealTask(
  key: TokenKey,
  document: StoredDocument | undefined,
  before: RegisteredTask | undefined,
): RegisteredTask | undefined {
  return document === undefined ? undefined : taskFrom(key, unseal(document), document.version, before);
}
