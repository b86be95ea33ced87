import { bytesIn } from '../../core/primitives/foreign-objects.js';
import { isJsonObject } from '../../core/primitives/json.js';
import { BodyRefused } from '../messages/http-message.js';
import { checkedText, decodedBody } from './body-text.js';

const FORM = 'application/x-www-form-urlencoded';

/**
 * Returns the text of a body that a framework has read: text, bytes, or what it has parsed.
 *
 * @throws BodyRefused for JSON that was read as a form and cannot be put together again.
 */
export function textOfParsed(body: unknown, contentType: string | undefined): string {
  if (typeof body === 'string') return checkedText(body);
  const bytes = bytesIn(body);
  // A framework that hands on bytes has decompressed them.
  if (bytes !== undefined) return decodedBody(bytes, { contentType });
  const json = isJsonObject(body) && isForm(contentType) ? jsonReadAsForm(body) : undefined;
  return checkedText(json ?? JSON.stringify(body) ?? '');
}

/** Returns whether a host has left an object on the request without having read anything, as Express 4 does. */
export function isPlaceholder(body: unknown): boolean {
  return isJsonObject(body) && Object.keys(body).length === 0;
}

function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === FORM;
}

/** No name of a field has these signs; what a parser of forms makes of other text has. */
const NO_FIELD = /^\[|[\s{}"':]/;

/**
 * Puts JSON together again that `curl -d` has sent as a form. A parser of forms cuts it into names and values at each `&` and
 * `=`, and some take brackets for lists, whose rest is lost.
 */
function jsonReadAsForm(form: Readonly<Record<string, unknown>>): string | undefined {
  const parts = Object.entries(form);
  if (!NO_FIELD.test(parts[0]?.[0] ?? '')) return undefined;
  const text = parts.map(([name, value]) => (value === '' ? name : `${name}=${String(value)}`)).join('&');
  try {
    JSON.parse(text);
  } catch {
    throw new BodyRefused(
      400,
      'the body is no form, and no JSON that survived a parser of forms: send it as application/json, or mount the handler before the parser',
    );
  }
  return text;
}
