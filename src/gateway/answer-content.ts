import type { JsonObject } from '../core/primitives/json.js';
import { parseAnswer } from '../wechat/answer.js';
import { decodedAnswer } from './decoded-answer.js';
import type { GatewayAnswer } from './gateway.js';

/** Returns the JSON object in an answer; an empty one for any other answer, and for one that is streamed. */
export function contentOf({ body, headers }: GatewayAnswer): JsonObject {
  const content = Buffer.isBuffer(body) ? decodedAnswer(body, headers['Content-Encoding']) : undefined;
  return parseAnswer(content?.toString()) ?? {};
}
