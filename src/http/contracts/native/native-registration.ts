import type { PushRegistration } from '../../../core/model/push/push-settings.js';
import type { TaskRegistration } from '../../../core/model/registration.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/primitives/json.js';
import type { AppRegistration } from '../../../core/registry/task-replacements.js';
import { badRequest } from '../../routing/route-failure.js';

const APP_FIELDS = ['secret', 'accessToken'];
const TASK_FIELDS = ['type', 'subject', 'params', 'notify'];

/** Returns the registration in the body of `PUT /apps/:appid`. The manager validates the fields; unknown ones are ignored. */
export function registrationOf(appid: string, body: JsonObject): AppRegistration {
  const { push, tasks } = body;
  const app = {
    ...pick(body, APP_FIELDS),
    ...(push !== undefined && { push: push as PushRegistration | null }),
    appid,
  };
  if (tasks === undefined) return app;
  if (!Array.isArray(tasks)) throw badRequest('tasks must be an array of type names and objects');
  const planned = tasks.map((task: JsonValue) => (isJsonObject(task) ? pick(task, TASK_FIELDS) : { type: task }));
  return { ...app, tasks: planned as unknown as TaskRegistration[] };
}

/** Returns the fields with these names. A null field counts as absent. */
function pick(from: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (from[name] == null ? [] : [[name, from[name]]])));
}
