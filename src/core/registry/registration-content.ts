import type { RegistrationPlan, TaskPlan } from '../model/registration.js';
import type { Due, StoredDocument } from '../model/store.js';
import { DELIVERY_LANE, documentId } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import { seal, unseal } from '../store/document-codec.js';

/** A document whose due is the schedule's entry of a task. */
export interface ScheduledDocument {
  readonly id: string;
  readonly lane: string;
  /** The task that it is scheduled for. */
  readonly taskId: string;
}

/** A task, as far as its place in the schedule depends on it. */
export type ScheduledTask = Pick<TaskPlan, 'key' | 'notify'>;

/** The content that a document is to have. */
export interface Content {
  readonly data: JsonObject;
  readonly due?: Due | undefined;
  /** Whether that differs from what is stored. */
  readonly differs: boolean;
}

export function appContent(plan: RegistrationPlan, before: JsonObject): JsonObject {
  return {
    ...before,
    ...(plan.secret === undefined ? {} : { secret: plan.secret }),
    ...(plan.accessToken === undefined ? {} : { accessToken: plan.accessToken }),
  };
}

export function taskContent({ params, notify }: TaskPlan, before: JsonObject): JsonObject {
  const { params: _params, paramsFunction: _paramsFunction, notify: _notify, ...unknown } = before;
  const content = notify === undefined ? unknown : { ...unknown, notify };
  if (typeof params === 'function') return { ...content, paramsFunction: true };
  return params === undefined ? content : { ...content, params };
}

/** Returns the documents in which a fleet's store has the dues of tasks. */
export function scheduledDocuments(tasks: readonly ScheduledTask[]): ScheduledDocument[] {
  return tasks.flatMap(({ key, notify }) => {
    const taskId = documentId('task', key);
    const delivery = { id: documentId('delivery', key), lane: DELIVERY_LANE, taskId };
    return [{ id: documentId('key', key), lane: key.type, taskId }, ...(notify === undefined ? [] : [delivery])];
  });
}

/**
 * Returns what becomes of a scheduled document. One that has a due already is left alone, unless its task is new or has
 * changed: what held it back may have gone. A process that is about to take the due out of the schedule, because there was no
 * task, must lose to this write.
 */
export function dueContent(id: string, before: StoredDocument | undefined, due: Due, isTaskChanged: boolean): Content {
  const data = before === undefined ? seal(id, {}) : sameRecord(before);
  return { data, due, differs: before?.due === undefined || isTaskChanged };
}

/** Returns the data of a key's document, to be written again: its record keeps its version. */
function sameRecord(before: StoredDocument): JsonObject {
  const { id, data, version } = before;
  if (data['grant'] === undefined || data['recordVersion'] !== undefined) return data;
  try {
    return seal(id, { ...unseal(before), recordVersion: version });
  } catch {
    // What cannot be read stays as it is.
    return data;
  }
}
