import { bytesIn } from '../../core/primitives/foreign-objects.js';
import { isJsonObject } from '../../core/primitives/json.js';
import { BodyRefused } from '../messages/http-message.js';
import { checkedText, decodedBody } from './body-text.js';

const FORM = 'application/x-www-form-urlencoded';

/**
 * Returns the text of a body that a framework has read, which may be text, bytes or a parsed value.
 *
 * @throws BodyRefused for JSON that was read as a form and cannot be restored.
 */
export function textOfParsed(body: unknown, contentType: string | undefined): string {
  if (typeof body === 'string') return checkedText(body);
  const bytes = bytesIn(body);
  // The content encoding is left out, because a framework that provides bytes has decompressed them.
  if (bytes !== undefined) return decodedBody(bytes, { contentType });
  const json = isJsonObject(body) && isForm(contentType) ? jsonReadAsForm(body) : undefined;
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

/**
 * Restores JSON that `curl -d` has sent as a form. A form parser splits it into names and values at each `&` and `=`, and
 * some parsers take brackets for lists and lose the rest.
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
      'the body is neither a form, nor JSON that could be restored after it was parsed as a form: send it as application/json, or mount the handler before the parser',
    );
  }
  return text;
}
