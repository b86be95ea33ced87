import { bytesIn } from '../../core/primitives/foreign-objects.js';
import { isJsonObject } from '../../core/primitives/json.js';
import { BodyRefused } from '../messages/http-message.js';
import { type BodyHeaders, checkedText, decodedBody } from './body-text.js';

const FORM = 'application/x-www-form-urlencoded';

/** The headers of a body that a framework has read. */
export interface ParsedBodyHeaders extends BodyHeaders {
  readonly contentLength: string | undefined;
}

/**
 * Returns the text of a body that a framework has read, which may be text, bytes or a parsed value.
 *
 * @throws BodyRefused for JSON that was read as a form and cannot be restored.
 */
export function textOfParsed(body: unknown, headers: ParsedBodyHeaders): string {
  const { contentType } = headers;
  if (typeof body === 'string') return checkedText(body);
  const bytes = bytesIn(body);
  // The content encoding is left out, because a framework that provides bytes has decompressed them.
  if (bytes !== undefined) return decodedBody(bytes, { contentType });
  const json = isJsonObject(body) && isForm(contentType) ? jsonReadAsForm(body, headers) : undefined;
  return checkedText(json ?? JSON.stringify(body) ?? '');
}

/** Returns whether the host has left an object on the request without having read the body, as Express 4 does. */
export function isPlaceholder(body: unknown): boolean {
  return isJsonObject(body) && Object.keys(body).length === 0;
}

function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === FORM;
}

/** The characters that no name of a form field has, but the result of parsing other text as a form does. */
const NO_FIELD = /^\[|[\s{}"':]/;
/** A name that an object lists before all others, wherever it was in the text. */
const INDEX = /^\d+$/;
/** The length of a byte order mark, which some parsers drop. */
const MARK_BYTES = 3;

/**
 * Restores JSON that `curl -d` has sent as a form. A form parser splits it into names and values at each `&` and `=`, and
 * some parsers take brackets for lists and lose the rest.
 */
function jsonReadAsForm(form: Readonly<Record<string, unknown>>, headers: ParsedBodyHeaders): string | undefined {
  const parts = Object.entries(form);
  const [first = ''] = parts.find(([name]) => !INDEX.test(name)) ?? [];
  if (!NO_FIELD.test(first)) return undefined;
  const text = parts.map(([name, value]) => (value === '' ? name : `${name}=${String(value)}`)).join('&');
  if (!isWhole(parts, text, headers) || !isJson(text)) {
    throw new BodyRefused(
      400,
      'the body is neither a form, nor JSON that could be restored after it was parsed as a form: send it as application/json, or mount the handler before the parser',
    );
  }
  return text;
}

/**
 * Returns whether the restored text is what was sent. It can be JSON and yet another text, such as a registration whose URL
 * has lost a part: a name that occurred twice has a list as its value, and of escapes like `%26` only what they stand for
 * is left.
 */
function isWhole(
  parts: readonly (readonly [name: string, value: unknown])[],
  text: string,
  { contentLength, contentEncoding = 'identity' }: ParsedBodyHeaders,
): boolean {
  if (!parts.every(([, value]) => typeof value === 'string')) return false;
  if (contentLength === undefined || contentEncoding.trim().toLowerCase() !== 'identity') return true;
  const lost = Number(contentLength) - Buffer.byteLength(text);
  // An escape loses an even number of bytes, and the `=` before an empty value one.
  const mayBeMark = parts.length === 1 || !parts.some(([, value]) => value === '');
  return lost === 0 || (lost === MARK_BYTES && mayBeMark);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
