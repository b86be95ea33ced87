import { mergedPush, pushContent, pushFrom } from '../model/push/push-settings.js';
import { assertNoPlatform, type RegistrationPlan, type TaskPlan } from '../model/registration.js';
import type { Due, StoredDocument } from '../model/store.js';
import { DELIVERY_LANE, documentId } from '../model/token-key.js';
import { isJsonObject, type JsonObject } from '../primitives/json.js';
import { seal, unseal } from '../store/document-codec.js';

/** A document whose due schedules a task. */
export interface ScheduledDocument {
  readonly id: string;
  readonly lane: string;
  /** The id of the task that the document schedules. */
  readonly taskId: string;
}

/** The parts of a task that its place in the schedule depends on. */
export type ScheduledTask = Pick<TaskPlan, 'key' | 'notify'>;

/** The new content of a document. */
export interface Content {
  readonly data: JsonObject;
  readonly due?: Due | undefined;
  /** Whether the new content differs from the stored one. */
  readonly differs: boolean;
}

/**
 * Returns the new content of an app's document.
 *
 * @throws TypeError if the settings of pushes do not go with those that are stored, or with the tasks.
 */
export function appContent({ secret, accessToken, push, tasks }: RegistrationPlan, before: JsonObject): JsonObject {
  const content = {
    ...before,
    ...(secret === undefined ? {} : { secret }),
    ...(accessToken === undefined ? {} : { accessToken }),
  };
  if (push === undefined) return content;
  const { push: _push, ...rest } = content as JsonObject;
  if (push === null) return rest;
  const merged = mergedPush(push, pushFrom(before));
  if (merged.mode === 'plain') assertNoPlatform(tasks, 'push.encodingAesKey is required for a third-party platform');
  return { ...rest, ...pushContent(merged) };
}

export function taskContent({ params, notify }: TaskPlan, before: JsonObject): JsonObject {
  const { params: _params, paramsFunction: _paramsFunction, notify: _notify, ...unknown } = before;
  const content = notify === undefined ? unknown : { ...unknown, notify };
  if (typeof params === 'function') return { ...content, paramsFunction: true };
  return params === undefined ? content : { ...content, params };
}

/** Returns the documents that contain the dues of tasks in a fleet's store. */
export function scheduledDocuments(tasks: readonly ScheduledTask[]): ScheduledDocument[] {
  return tasks.flatMap(({ key, notify }) => {
    const taskId = documentId('task', key);
    const delivery = { id: documentId('delivery', key), lane: DELIVERY_LANE, taskId };
    return [{ id: documentId('key', key), lane: key.type, taskId }, ...(notify === undefined ? [] : [delivery])];
  });
}

/**
 * Returns the new content of a scheduled document. An existing due is left alone, unless its task is new or has
 * changed, since the obstacle to its refresh may be gone then. A process that is about to remove the due, because there
 * was no task, must lose to this write.
 */
export function dueContent(id: string, before: StoredDocument | undefined, due: Due, isTaskChanged: boolean): Content {
  const data = before === undefined ? seal(id, {}) : sameRecord(before);
  return { data, due, differs: before?.due === undefined || isTaskChanged };
}

/** Returns whether a key's document has a failure of another registration than the one with these versions. */
export function hasFailedBefore(stored: StoredDocument | undefined, registration: string): boolean {
  const trying = stored?.data['trying'];
  const failed = isJsonObject(trying) ? trying['registration'] : undefined;
  // The versions of pushed tokens may follow.
  return typeof failed === 'string' && !`${failed}:`.startsWith(`${registration}:`);
}

/** Returns the data of a key's document for another write, in which its record keeps its version. */
function sameRecord(before: StoredDocument): JsonObject {
  const { id, data, version } = before;
  if (data['grant'] === undefined || data['recordVersion'] !== undefined) return data;
  try {
    return seal(id, { ...unseal(before), recordVersion: version });
  } catch {
    // An unreadable document stays as it is.
    return data;
  }
}
