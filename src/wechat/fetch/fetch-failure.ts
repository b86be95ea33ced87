import { safeCause } from '../../core/model/errors.js';
import { isError, memberOf } from '../../core/primitives/foreign-objects.js';
import { describeKind, onOneLine } from '../../core/primitives/redact.js';
import { hideSecrets } from '../hide-secrets.js';

const WORD = /^[\w$-]{1,64}$/;

/**
 * Returns a copy of what a `fetch` has thrown that is safe to show: the name, the code, the message without the tokens, and
 * the name and code of the cause. Some implementations put the URL into their messages and fields, and with it the token.
 *
 * @param sent - the tokens that were sent.
 */
export function fetchFailure(error: unknown, sent: readonly string[]): TypeError {
  if (!isError(error)) return new TypeError(`${describeKind(error)} was thrown`);
  const cause = memberOf(error, 'cause');
  const message = hideTokens(String(memberOf(error, 'message')), sent);
  const failure = new TypeError(message, cause === undefined ? {} : { cause: safeCause(cause) });
  for (const name of ['name', 'code']) {
    const word = memberOf(error, name);
    if (typeof word !== 'string' || !WORD.test(word)) continue;
    Object.defineProperty(failure, name, { value: word, configurable: true, writable: true });
  }
  return failure;
}

function hideTokens(message: string, sent: readonly string[]): string {
  const bare = sent.reduce((text, token) => text.replaceAll(token, '[redacted]'), message);
  return onOneLine(hideSecrets(bare, { method: 'GET', path: '/', query: Object.fromEntries(sent.entries()) }));
}
