import { SITUATION_OF_WAITING, situationOf } from '../tasks/advice.js';
import type { Standing } from '../tasks/standing.js';
import type { Task } from '../tasks/task.js';
import { detailOf } from '../tasks/task-facts.js';
import type { Situation } from '../words/advice-texts.js';
import type { Words } from '../words/language.js';
import { element } from './elements.js';

/** A note on a task, such as a failure, which is shown below its fields. */
export interface TaskNote {
  readonly isBad: boolean;
  readonly happened: string;
  /** The `errcode` of WeChat, or the error code of the library. */
  readonly code: string;
  readonly attempts: string;
  readonly todo: string;
  readonly detail: string;
}

export function notesOn(task: Task, standing: Standing, words: Words): TaskNote[] {
  const notes = [waitingNote(task, words), errorNote(task, words), deliveryNote(task, words)];
  if (task.functionMissing && task.waitingFor === undefined && standing !== 'good')
    notes.push(plainNote('functionMissing', words));
  return notes.filter((note) => note !== undefined);
}

function waitingNote({ waitingFor, reason = '' }: Task, words: Words): TaskNote | undefined {
  if (waitingFor === undefined) return undefined;
  const situation = SITUATION_OF_WAITING[waitingFor];
  return {
    isBad: true,
    happened: words.happened(situation),
    code: waitingFor,
    attempts: '',
    todo: words.todo(situation),
    detail: reason,
  };
}

function errorNote({ type, lastError }: Task, words: Words): TaskNote | undefined {
  if (lastError === undefined) return undefined;
  const { code, errcode, attempts } = lastError;
  const situation = situationOf(lastError, type);
  return {
    isBad: true,
    happened: words.happened(situation),
    code: errcode === undefined ? code : String(errcode),
    attempts: attemptsIn(attempts, words),
    todo: words.todo(situation, { ip: lastError.ip ?? words.say('thisServer') }),
    detail: detailOf(lastError),
  };
}

function deliveryNote({ delivery }: Task, words: Words): TaskNote | undefined {
  if (delivery?.state !== 'failed') return undefined;
  return {
    isBad: true,
    happened: words.say('deliveryHappened'),
    code: '',
    attempts: attemptsIn(delivery.attempts, words),
    todo: words.say(delivery.retryAt === undefined ? 'deliveryTodoNext' : 'deliveryTodo'),
    detail: delivery.lastError ?? '',
  };
}

function plainNote(situation: Situation, words: Words): TaskNote {
  return {
    isBad: false,
    happened: words.happened(situation),
    code: '',
    attempts: '',
    todo: words.todo(situation),
    detail: '',
  };
}

function attemptsIn(count: number, { say }: Words): string {
  if (count === 0) return '';
  return count === 1 ? say('attemptOnce') : say('attempts', { count });
}

export function noteElement(note: TaskNote, { say }: Words): HTMLElement {
  const { isBad, happened, code, attempts, todo, detail } = note;
  const heading = element('p', 'happened', element('strong', '', happened));
  if (code !== '') heading.append(' ', element('code', 'errcode', code));
  if (attempts !== '') heading.append(' ', element('span', 'attempts', attempts));
  const facts = element('dl', '', element('dt', '', say('todo')), element('dd', '', todo));
  if (detail !== '') facts.append(element('dt', '', say('inDetail')), element('dd', 'detail', detail));
  return element('div', isBad ? 'note bad' : 'note', heading, facts);
}
