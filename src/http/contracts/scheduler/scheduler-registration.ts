import type { TypeNumbers } from '../../../callbacks/contract-type-numbers.js';
import type { PushRegistration } from '../../../core/model/push/push-settings.js';
import type { AccessTokenMode } from '../../../core/model/refresher.js';
import type { Registration, TaskRegistration } from '../../../core/model/registration.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/primitives/json.js';
import { describeKind, describeName } from '../../../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../../../core/primitives/stray-characters.js';
import type { Manager } from '../../manager/manager.js';
import { badRequest } from '../../routing/route-failure.js';

/**
 * Returns the registration in the body of `POST /registe`. Unknown fields are ignored.
 *
 * @throws RouteFailure or TypeError saying which field is wrong, never with a secret.
 */
export function registrationIn(body: JsonObject, typeNumbers: TypeNumbers, manager: Manager): Registration {
  const { appid, appsecret, tasks } = body;
  if (typeof appid !== 'string' || appid === '') throw badRequest('appid is required, and must be a string');
  if (typeof appsecret !== 'string' || appsecret === '') {
    throw badRequest('appsecret is required, and must be a string');
  }
  // The check is made here, because the manager would call the field `secret`, a name that callers of this contract do
  // not know.
  assertNoStrayCharacter('appsecret', appsecret);
  const app = { appid, secret: appsecret, ...addedFieldsIn(body) };
  if (tasks === undefined || tasks === null) return { ...app, tasks: [] };
  if (!Array.isArray(tasks)) throw badRequest(`tasks must be an array, got ${describeKind(tasks)}`);
  const planned = tasks.map((task: JsonValue, index) => taskIn(task, `tasks[${index}]`, typeNumbers, manager));
  return { ...app, tasks: planned };
}

/** Returns the fields that the original does not have. The manager validates their values. */
function addedFieldsIn({ accessToken, push }: JsonObject): Pick<Registration, 'accessToken' | 'push'> {
  return {
    ...(accessToken !== undefined && accessToken !== null && { accessToken: accessToken as AccessTokenMode }),
    ...(push !== undefined && { push: push as PushRegistration | null }),
  };
}

function taskIn(task: JsonValue, where: string, typeNumbers: TypeNumbers, manager: Manager): TaskRegistration {
  if (!isJsonObject(task)) throw badRequest(`${where} must be an object, got ${describeKind(task)}`);
  const { subject } = task;
  const type = typeIn(task['type'], where, typeNumbers, manager);
  const urls = { ...urlIn(task, 'params', where), ...urlIn(task, 'notify', where) };
  if (subject === undefined || subject === null || subject === '') return { type, ...urls };
  if (typeof subject !== 'string') throw badRequest(`${where}.subject must be a string, got ${describeKind(subject)}`);
  return { type, subject, ...urls };
}

function typeIn(type: unknown, where: string, typeNumbers: TypeNumbers, manager: Manager): string {
  const name = typeNumbers.name(type);
  if (name !== undefined) return name;
  if (typeof type === 'string' && manager.hasType(type)) return type;
  throw badRequest(`${where}.type must be 0 to 4 or the name of a type, got ${describeName(type)}`);
}

/** Returns a URL of a task. An empty one counts as absent. */
function urlIn<Name extends string>(task: JsonObject, name: Name, where: string): { readonly [name in Name]?: string } {
  const url = task[name];
  if (url === undefined || url === null || url === '') return {};
  if (typeof url !== 'string') throw badRequest(`${where}.${name} must be a URL, got ${describeKind(url)}`);
  return { [name]: url } as { readonly [name in Name]: string };
}
