import type { JsonValue } from '../../core/primitives/json.js';
import type { RequestContext } from './request-context.js';
import { fieldOf, jsonObjectIn } from './request-text.js';

/**
 * Returns a function that reads the fields of a form or a JSON object. Empty fields are absent, and any other body has no
 * fields.
 *
 * @throws RouteFailure for a body that is too large, did not arrive, or begins like an object and is none.
 */
export async function bodyFieldsOf(context: RequestContext): Promise<(name: string) => JsonValue | undefined> {
  const text = context.request.method === 'POST' ? await context.text() : '';
  if (!text.startsWith('{')) {
    const form = new URLSearchParams(text);
    return (name) => fieldOf(form, name);
  }
  const body = jsonObjectIn(text);
  return (name) => (body[name] === '' ? undefined : body[name]);
}
