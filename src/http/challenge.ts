import { isFromBrowser } from './access/browser-rules.js';
import type { HttpAnswer, HttpRequest } from './messages/http-message.js';

/** Basic is the first, since some clients look at nothing else. */
const CHALLENGES = 'Basic realm="wechat-tokens", Bearer';

/**
 * Adds the challenge that many clients wait for before they send the name and the password of their URL. A browser is not
 * challenged with Basic: it would ask its user for both, and keep them.
 */
export function withChallenge(answer: HttpAnswer, request: HttpRequest): HttpAnswer {
  if (answer.status !== 401) return answer;
  const challenge = isFromBrowser(request) ? 'Bearer' : CHALLENGES;
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': challenge } };
}
