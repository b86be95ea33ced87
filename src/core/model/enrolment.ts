import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';

/**
 * The random marks that an app and a task get when they are first registered. Later registrations keep them, but a
 * registration after an unregistration gets new ones. Documents of earlier releases have none.
 */
export interface EnrolmentMarks {
  readonly app?: string | undefined;
  readonly task?: string | undefined;
}

/** The registration of a key at the time of a request, to which the answer belongs. */
export interface Enrolment extends EnrolmentMarks {
  readonly hadTask: boolean;
}

interface Enrolled {
  readonly enrolment?: string | undefined;
}

const LENGTH = 12;

/** Returns a mark made from a unique id. It is short, because each of a million tasks has one. */
export function newMark(newId: () => string): string {
  return newId().replaceAll('-', '').slice(0, LENGTH);
}

/** Returns the enrolment of a key whose app and task are registered like this. */
export function enrolmentOf(app: Enrolled | undefined, task: Enrolled | undefined): Enrolment {
  return { app: app?.enrolment, task: task?.enrolment, hadTask: task !== undefined };
}

/** Reads the mark of an app or a task from the content of its document. */
export function markFrom({ enrolment }: JsonObject): string | undefined {
  return textOf(enrolment);
}

/** Reads the marks of a key's document from its content. */
export function marksFrom({ enrolment }: JsonObject): EnrolmentMarks | undefined {
  if (!isJsonObject(enrolment)) return undefined;
  return marksOf({ app: textOf(enrolment['app']), task: textOf(enrolment['task']) });
}

/** Returns the marks alone, in the form in which they are stored; `undefined` if there are none. */
export function marksOf({ app, task }: EnrolmentMarks): EnrolmentMarks | undefined {
  if (app === undefined) return task === undefined ? undefined : { task };
  return task === undefined ? { app } : { app, task };
}

/**
 * Returns whether a document with these marks belongs to this registration. A mark that is missing on either side
 * matches any other.
 */
export function belongsTo(marks: EnrolmentMarks | undefined, registered: EnrolmentMarks): boolean {
  return isSameMark(marks?.app, registered.app) && isSameMark(marks?.task, registered.task);
}

/** Returns whether two marks may be of the same enrolment: they are equal, or one of them is missing. */
export function isSameMark(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
