import { countdown, inWords } from '../words/durations.js';
import type { TextName, Words } from '../words/language.js';
import type { Task, TaskFailure } from './task.js';

/** Returns the name of a task for use in a sentence. */
export function taskName({ appid, type, subject }: Task, { say }: Words): string {
  return subject === undefined ? say('taskName', { type, appid }) : say('taskNameOfSubject', { type, appid, subject });
}

/** Returns the text of a task's state chip. */
export function stateOf({ expiresAt, dueAt, waitingFor, lastError, delivery }: Task, now: number): TextName {
  if (waitingFor !== undefined && !(expiresAt !== undefined && expiresAt > now)) {
    return waitingFor === 'push' ? 'stateWaitingForPush' : 'stateWaiting';
  }
  if (expiresAt === undefined) return lastError === undefined ? 'stateComing' : 'stateMissing';
  if (expiresAt <= now) return 'stateExpired';
  if (lastError !== undefined) return 'stateFailing';
  if (delivery?.state === 'failed') return 'stateUndelivered';
  return dueAt !== undefined && dueAt <= now ? 'stateDue' : 'stateFresh';
}

export function leftIn({ expiresAt }: Task, now: number, words: Words): string {
  if (expiresAt === undefined) return words.say('none');
  return expiresAt <= now ? words.say('ended') : countdown(expiresAt - now, words);
}

export function nextIn({ dueAt, waitingFor, lastError }: Task, now: number, words: Words): string {
  if (waitingFor !== undefined) return words.say(waitingFor === 'push' ? 'nextAfterPush' : 'nextWaiting');
  const at = lastError?.retryAt ?? dueAt;
  if (at === undefined || at <= now) return words.say('nextNow');
  return words.say(lastError === undefined ? 'nextIn' : 'retryIn', { left: inWords(at - now, words) });
}

export function deliveryIn({ delivery }: Task, { say }: Words): string {
  if (delivery === undefined) return say('noDelivery');
  const { state, attempts } = delivery;
  if (state === 'delivered') return say('delivered');
  if (state === 'owed') return say('owed');
  if (state === 'waiting') return say('waiting');
  return attempts === 1 ? say('undeliveredOnce') : say('undelivered', { attempts });
}

/** Returns the message of a failure with the id under which WeChat's support finds the request. */
export function detailOf({ message, rid }: TaskFailure): string {
  return rid === undefined ? message : `${message} (rid: ${rid})`;
}
