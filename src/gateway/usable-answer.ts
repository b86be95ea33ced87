import type { UpstreamAnswer } from './answer-receiver.js';
import { decodedAnswer } from './decoded-answer.js';
import { GatewayFailure } from './gateway-failure.js';

/**
 * Asserts that an answer may be passed on: it is no redirect, whose `Location` could repeat the token, and has a status that
 * HTTP has.
 *
 * @throws GatewayFailure.
 */
export function assertUsable({ status, body }: UpstreamAnswer): void {
  const isRedirect = status >= 300 && status < 400 && status !== 304;
  if (!isRedirect && status <= 599) return;
  if (!Buffer.isBuffer(body)) body.cancel();
  const what = isRedirect ? 'a redirect' : 'an unknown status';
  throw new GatewayFailure('answer', `WeChat answered with ${what} (HTTP status ${status})`);
}

/**
 * Asserts that an answer that is held whole repeats none of these tokens. The error pages of some relays and proxies show the
 * whole URL that they could not reach.
 *
 * @throws GatewayFailure.
 */
export function assertRepeatsNone({ status, headers, body }: UpstreamAnswer, tokens: readonly string[]): void {
  if (!Buffer.isBuffer(body)) return;
  const content = decodedAnswer(body, headers['content-encoding']);
  const isRepeated = (token: string): boolean =>
    content?.includes(token) === true || content?.includes(encodeURIComponent(token)) === true;
  if (tokens.some(isRepeated)) {
    throw new GatewayFailure('answer', `the answer repeats the token (HTTP status ${status}), and is not passed on`);
  }
}
