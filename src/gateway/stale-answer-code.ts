import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { isStaleBody } from '../core/calls/stale-body.js';
import { MAX_HELD_ANSWER_BYTES, type UpstreamAnswer } from './answer-receiver.js';

const LIMIT = { maxOutputLength: MAX_HELD_ANSWER_BYTES };
const DECODERS: ReadonlyMap<string, (bytes: Uint8Array) => Buffer> = new Map([
  ['gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['x-gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['deflate', (bytes) => inflateSync(bytes, LIMIT)],
  ['br', (bytes) => brotliDecompressSync(bytes, LIMIT)],
]);

/** Returns whether an answer of WeChat means that the token was stale. Only an answer that is held whole is judged. */
export function isStaleAnswer({ headers, body }: UpstreamAnswer): boolean {
  if (!Buffer.isBuffer(body) || body.length === 0) return false;
  const encoding = (headers['content-encoding'] ?? '').toLowerCase();
  if (encoding === '' || encoding === 'identity') return body.includes('errcode') && isStaleBody(body);
  try {
    return isStaleBody(DECODERS.get(encoding)?.(body) ?? '');
  } catch {
    return false;
  }
}
