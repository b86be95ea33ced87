import type { JsonValue } from '../../core/primitives/json.js';
import type { RequestContext } from './request-context.js';
import { fieldOf, jsonObjectIn } from './request-text.js';

/** The fields of a request. Those of the query come before those of the body. */
export interface RequestFields {
  /** Returns a field; `undefined` if there is none or it is empty. */
  value(name: string): JsonValue | undefined;
  /** Returns a field that is a text; `undefined` for any other. */
  text(name: string): string | undefined;
}

/**
 * Returns the fields of a request, whose body may be a form or a JSON object. Any other body has no fields.
 *
 * @throws RouteFailure for a body that is too large, did not arrive, or begins like an object and is none.
 */
export async function requestFieldsOf(context: RequestContext): Promise<RequestFields> {
  const inBody = await bodyFieldsOf(context);
  const value = (name: string): JsonValue | undefined => context.query(name) ?? inBody(name);
  return {
    value,
    text(name) {
      const found = value(name);
      return typeof found === 'string' ? found : undefined;
    },
  };
}

async function bodyFieldsOf(context: RequestContext): Promise<(name: string) => JsonValue | undefined> {
  const text = context.request.method === 'POST' ? await context.text() : '';
  if (!text.startsWith('{')) {
    const form = new URLSearchParams(text);
    return (name) => fieldOf(form, name);
  }
  const body = jsonObjectIn(text);
  return (name) => (body[name] === '' ? undefined : body[name]);
}
