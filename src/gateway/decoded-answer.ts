import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { MAX_HELD_ANSWER_BYTES } from './answer-receiver.js';

const LIMIT = { maxOutputLength: MAX_HELD_ANSWER_BYTES };
const DECODERS: ReadonlyMap<string, (bytes: Uint8Array) => Buffer> = new Map([
  ['gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['x-gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['deflate', (bytes) => inflateSync(bytes, LIMIT)],
  ['br', (bytes) => brotliDecompressSync(bytes, LIMIT)],
]);

/** Returns the content of an answer that is held whole; `undefined` if it cannot be decoded, or is too long. */
export function decodedAnswer(body: Buffer, contentEncoding: string | undefined): Buffer | undefined {
  const encoding = contentEncoding?.toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return body;
  try {
    return DECODERS.get(encoding)?.(body);
  } catch {
    return undefined;
  }
}
