import { isFromBrowser } from './access/browser-rules.js';
import type { HttpAnswer, HttpRequest } from './messages/http-message.js';

/** The challenges. Basic comes first because some clients only read the first one. */
const CHALLENGES = 'Basic realm="wechat-tokens", Bearer';

/**
 * Adds the challenge for which many clients wait before they send the name and the password of their URL. A browser is
 * not challenged with Basic, because it would open its login dialog and store the input.
 */
export function withChallenge(answer: HttpAnswer, request: HttpRequest): HttpAnswer {
  if (answer.status !== 401) return answer;
  const challenge = isFromBrowser(request) ? 'Bearer' : CHALLENGES;
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': challenge } };
}
