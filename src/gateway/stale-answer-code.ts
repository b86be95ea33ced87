import { isStaleBody } from '../core/calls/stale-body.js';
import type { UpstreamAnswer } from './answer-receiver.js';
import { decodedAnswer } from './decoded-answer.js';

/** Returns whether an answer of WeChat means that the token was stale. Only an answer that is held whole is judged. */
export function isStaleAnswer({ headers, body }: UpstreamAnswer): boolean {
  if (!Buffer.isBuffer(body) || body.length === 0) return false;
  const content = decodedAnswer(body, headers['content-encoding']);
  return content?.includes('errcode') === true && isStaleBody(content);
}
