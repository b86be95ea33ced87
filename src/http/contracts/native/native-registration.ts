import type { TaskRegistration } from '../../../core/model/registration.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/primitives/json.js';
import type { AppRegistration } from '../../manager/task-replacements.js';
import { badRequest } from '../../routing/route-failure.js';

const APP_FIELDS = ['secret', 'accessToken'];
const TASK_FIELDS = ['type', 'subject', 'params', 'notify'];

/** Returns what a body of `PUT /apps/:appid` registers; the manager checks the fields. Unknown ones are ignored. */
export function registrationOf(appid: string, body: JsonObject): AppRegistration {
  const { tasks } = body;
  if (tasks === undefined) return { ...pick(body, APP_FIELDS), appid };
  if (!Array.isArray(tasks)) throw badRequest('tasks must be an array of type names and objects');
  const planned = tasks.map((task: JsonValue) => (isJsonObject(task) ? pick(task, TASK_FIELDS) : { type: task }));
  return { ...pick(body, APP_FIELDS), appid, tasks: planned as unknown as TaskRegistration[] };
}

/** Picks the fields with these names; one that is null is as good as absent. */
function pick(from: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (from[name] == null ? [] : [[name, from[name]]])));
}
