import { SUCCESS } from '../pushes/push-answer.js';
import type { FakePushFields } from '../pushes/push-fields.js';
import { ANSWERED_WITHIN_S, type PushResponse, PushUnanswered } from '../pushes/push-sender.js';
import type { PushAttempt } from '../pushes/pushes.js';
import type { ReplyFault } from '../pushes/reply.js';
import { type Hider, shownText } from './shown-text.js';

/** The codes of connections that could not be made. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
]);
const OK = 200;

const REPLY_FAULTS: Readonly<Record<Exclude<ReplyFault, 'unreadable'>, string>> = {
  'in-clear': 'a reply that is not encrypted',
  signature: 'a reply whose MsgSignature is wrong for its Encrypt, TimeStamp and Nonce',
  key: 'a reply that cannot be decrypted with the key of the settings',
  receiver: 'a reply that is encrypted for another appid than that of the platform',
  content: 'a reply whose decrypted text is no XML with the root <xml>',
};

/** Returns what is wrong with the answer to a push of which only `success` is accepted; `undefined` if it is right. */
export function judgeSuccess(attempt: PushAttempt): string | undefined {
  const response = responseIn(attempt);
  if (typeof response === 'string') return response;
  return response.body === SUCCESS ? undefined : `expected the bare text "success", got ${describedBody(attempt)}`;
}

/** Returns what is wrong with the answer to a check of the URL; `undefined` if it is right. */
export function judgeEcho(attempt: PushAttempt): string | undefined {
  const response = responseIn(attempt);
  if (typeof response === 'string') return response;
  const isRight = response.body === attempt.pushed['echostr'];
  return isRight ? undefined : `expected the text of echostr, got ${describedBody(attempt)}`;
}

/** Returns what is wrong with an answer that has to be empty; `undefined` if it is right. */
export function judgeEmpty(attempt: PushAttempt): string | undefined {
  const response = responseIn(attempt);
  if (typeof response === 'string') return response;
  return response.body === '' ? undefined : `expected an empty answer, got ${describedBody(attempt)}`;
}

/** Returns what is wrong with the reply to a message, which has to be a text; `undefined` if it is right. */
export function judgeReply(attempt: PushAttempt, content: string, hide: Hider): string | undefined {
  const response = responseIn(attempt);
  if (typeof response === 'string') return response;
  const { reply = 'unreadable', pushed } = attempt;
  if (typeof reply === 'string') return `expected an encrypted reply, got ${describedBody(attempt)}`;
  const faults = [
    addressFault(reply, pushed, hide),
    differenceOf('MsgType', reply['MsgType'], 'text', hide),
    differenceOf('Content', reply['Content'], content, hide),
  ];
  return faults.filter((fault) => fault !== undefined).join('; ') || undefined;
}

/** Returns whether a server has taken a push: whatever its body, it answered in time and with status 200. */
export function isTaken({ outcome }: PushAttempt): boolean {
  return !(outcome instanceof PushUnanswered) && outcome.status === OK;
}

/** Returns a sentence if what came differs from what was expected; `undefined` otherwise. */
export function differenceOf(name: string, got: unknown, expected: string, hide: Hider): string | undefined {
  return got === expected ? undefined : `expected ${name} ${shownText(expected, hide)}, got ${shownText(got, hide)}`;
}

function responseIn({ outcome }: PushAttempt): PushResponse | string {
  if (outcome instanceof PushUnanswered) return unanswered(outcome.why);
  return outcome.status === OK ? outcome : `expected status ${OK}, got ${outcome.status}`;
}

function unanswered(why: string): string {
  if (why === 'late') return `expected an answer within ${ANSWERED_WITHIN_S} s, got none by then`;
  if (UNREACHABLE.has(why)) return `expected an answer, but the server cannot be reached (${why})`;
  return `expected an answer, but the connection ended without one (${why})`;
}

/** Describes a body, as far as it is one of those that servers send by mistake; nothing of others is shown. */
function describedBody({ outcome, reply }: PushAttempt): string {
  const { body } = outcome as PushResponse;
  if (body === '') return 'an empty answer';
  if (body === SUCCESS) return '"success"';
  if (body.replace(/^[\s"'\ufeff]+|[\s"']+$/g, '') === SUCCESS) return '"success" with other characters around it';
  if (typeof reply === 'object') return 'a reply';
  if (reply === undefined || reply === 'unreadable') return `another text, of ${body.length} characters`;
  return REPLY_FAULTS[reply];
}

function addressFault(reply: FakePushFields, pushed: FakePushFields, hide: Hider): string | undefined {
  const { ToUserName: to, FromUserName: from } = pushed;
  if (reply['ToUserName'] === to && reply['FromUserName'] === from) {
    return 'expected sender and receiver to be exchanged, got them as in the message';
  }
  const faults = [
    differenceOf('ToUserName', reply['ToUserName'], String(from), hide),
    differenceOf('FromUserName', reply['FromUserName'], String(to), hide),
  ];
  return faults.filter((fault) => fault !== undefined).join('; ') || undefined;
}
