import { isLossy, textOfUtf8 } from '../../core/primitives/utf8-text.js';
import { BodyRefused } from '../messages/http-message.js';

const UTF_8 = /^(?:utf-?8|us-ascii|ascii)$/i;
const UTF_16_MARKS = ['feff', 'fffe'];

/** The headers that describe the encoding of a body. */
export interface BodyHeaders {
  readonly contentType: string | undefined;
  readonly contentEncoding?: string | undefined;
}

/**
 * Returns the text of a body without a byte order mark and surrounding white space.
 *
 * @throws BodyRefused for bytes in another encoding than UTF-8, naming it if it is known: a secret that is decoded with
 *   the wrong encoding would be stored as another one.
 */
export function decodedBody(bytes: Uint8Array, { contentType, contentEncoding }: BodyHeaders): string {
  const compression = contentEncoding?.trim().toLowerCase() ?? '';
  if (compression !== '' && compression !== 'identity') {
    throw new BodyRefused(400, `a body must not be compressed, got Content-Encoding ${quoted(compression)}`);
  }
  const charset = charsetOf(contentType);
  if (charset !== undefined && !UTF_8.test(charset) && bytes.some((byte) => byte > 0x7f)) throw notUtf8(charset);
  if (UTF_16_MARKS.includes(Buffer.from(bytes.subarray(0, 2)).toString('hex'))) throw notUtf8('utf-16');
  const text = textOfUtf8(bytes);
  if (text === undefined) throw notUtf8();
  return text.trim();
}

/**
 * Returns text that a host has decoded, without a byte order mark and surrounding white space.
 *
 * @throws BodyRefused if characters were lost in the decoding.
 */
export function checkedText(text: string): string {
  if (isLossy(text)) throw notUtf8();
  return text.trim();
}

function notUtf8(charset?: string): BodyRefused {
  const found = charset === undefined ? '' : `, got ${quoted(charset)}`;
  return new BodyRefused(400, `the body must be encoded in UTF-8${found}`);
}

function charsetOf(contentType: string | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType ?? '')?.[1];
}

/** Returns a name from a header if it is short and plain, since the caller may send any text. */
function quoted(name: string): string {
  return /^[\w.+-]{1,40}$/.test(name) ? name : 'another one';
}
