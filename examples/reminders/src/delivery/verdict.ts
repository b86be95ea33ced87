/** The meaning of WeChat's answer for a message. */
export type Verdict =
  | { readonly kind: 'sent' }
  /** WeChat has surely not taken it: another attempt is safe, after that many milliseconds at least. */
  | { readonly kind: 'retry'; readonly reason: string; readonly errcode: number | undefined; readonly afterMs: number }
  | { readonly kind: 'unknown'; readonly reason: string }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly errcode: number;
      readonly because: 'consent' | 'template' | 'user' | 'other';
    };

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const LONGEST_RETRY_MS = 2 * MINUTE_MS;

/**
 * Decides by the `errcode` of an answer.
 *
 * @param attempts - How often the message has been tried, this time included.
 */
export function verdictOf(errcode: number, errmsg: string, attempts: number): Verdict {
  switch (errcode) {
    case 0:
      return { kind: 'sent' };
    case -1:
      return { kind: 'retry', reason: 'WeChat is busy', errcode, afterMs: backOffMs(attempts) };
    // The limits of a minute and of a day. The one of a day ends beyond the grace, where the message is skipped.
    case 45_009:
    case 45_011:
      return { kind: 'retry', reason: 'a rate limit of WeChat', errcode, afterMs: MINUTE_MS };
    // The token was refused, and so was the one that replaced it: another may be had in a while.
    case 40_001:
    case 40_014:
    case 42_001:
      return { kind: 'retry', reason: 'the access token is refused', errcode, afterMs: backOffMs(attempts) };
    case 43_101:
      return { kind: 'refused', reason: 'the user has not accepted a prompt', errcode, because: 'consent' };
    // A field, the template or its page is wrong, or the app may not send it: the next message would be refused too.
    case 47_003:
    case 40_037:
    case 41_030:
    case 48_001:
    case 61_007:
      return { kind: 'refused', reason: errmsg, errcode, because: 'template' };
    case 40_003:
      return { kind: 'refused', reason: 'WeChat does not know the user', errcode, because: 'user' };
    default:
      return { kind: 'refused', reason: errmsg, errcode, because: 'other' };
  }
}

/** Returns 1 s, doubled with each attempt, up to 2 min. */
export function backOffMs(attempts: number): number {
  return Math.min(SECOND_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS);
}
