import type { JsonObject } from '../primitives/json.js';
import { isJsonObject } from '../primitives/json.js';

/**
 * The random ids that an app and a task were given when they were registered where there was none. Every later registration
 * keeps them, and one that comes after an unregistration has others. Documents of releases before this one have none.
 */
export interface EnrolmentMarks {
  readonly app?: string | undefined;
  readonly task?: string | undefined;
}

/** The registration of a key when something was asked for it, to which the answer belongs. */
export interface Enrolment extends EnrolmentMarks {
  readonly hadTask: boolean;
}

interface Enrolled {
  readonly enrolment?: string | undefined;
}

const LENGTH = 12;

/** Returns a mark from an id that nothing else has. A million tasks have one each, so it is short. */
export function newMark(newId: () => string): string {
  return newId().replaceAll('-', '').slice(0, LENGTH);
}

/** Returns what is registered of a key now. */
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

/** Returns the marks alone, to be stored with what belongs to them. */
export function marksOf({ app, task }: EnrolmentMarks): EnrolmentMarks | undefined {
  if (app === undefined) return task === undefined ? undefined : { task };
  return task === undefined ? { app } : { app, task };
}

/** Returns whether what has these marks belongs to what is registered. Where one side has no mark, it does. */
export function belongsTo(marks: EnrolmentMarks | undefined, registered: EnrolmentMarks): boolean {
  return isSameMark(marks?.app, registered.app) && isSameMark(marks?.task, registered.task);
}

/** Returns whether two marks may be those of one enrolment: they are equal, or one of them is missing. */
export function isSameMark(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
