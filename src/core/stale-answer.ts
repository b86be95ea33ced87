import { isTokenError } from './errors.js';
import { isJsonObject } from './json.js';

const LONGEST_ERROR = 65_536;
/** WeChat's codes for "this token is not, or no longer, the current one". */
const STALE_ERRCODES: ReadonlySet<number> = new Set([40001, 40014, 42001]);

/**
 * How a call ended: with a result or with an error.
 *
 * @public
 */
export type CallOutcome =
  | { readonly result: unknown; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: unknown };

/** Whether WeChat says in this answer that the token was stale. Looks at the shapes that HTTP clients give it. */
export async function isStaleAnswer(outcome: CallOutcome): Promise<boolean> {
  try {
    return await looksStale(outcome);
  } catch {
    // An outcome that cannot be looked at is the caller's own matter.
    return false;
  }
}

async function looksStale(outcome: CallOutcome): Promise<boolean> {
  if (outcome.error !== undefined) return isStaleError(outcome.error);
  const { result } = outcome;
  if (isJsonResponse(result)) return isStaleResponse(result);
  return isStaleBody(result) || isStaleBody(field(result, 'data'));
}

/** Whether a refresher's error says that the token it used was stale. */
export function isStaleTokenError(error: unknown): boolean {
  return isTokenError(error) && isStaleCode(error.errcode);
}

function isStaleError(error: unknown): boolean {
  return (
    isStaleCode(field(error, 'errcode')) ||
    isStaleCode(field(error, 'code')) ||
    isStaleBody(field(field(error, 'response'), 'data'))
  );
}

async function isStaleResponse(response: Response): Promise<boolean> {
  if (response.bodyUsed) return false;
  try {
    return isStaleBody(JSON.parse(await beginningOf(response.clone())));
  } catch {
    return false;
  }
}

/** The body, if it is short: an answer that says no more than that a token is stale is. */
async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    text += part.value;
    if (text.length <= LONGEST_ERROR) continue;
    void reader?.cancel().catch(() => {});
    return '';
  }
  return text;
}

function isJsonResponse(result: unknown): result is Response {
  if (typeof Response === 'undefined' || !(result instanceof Response)) return false;
  return /\bjson\b|^text\/plain\b/i.test(result.headers.get('content-type') ?? '');
}

function isStaleBody(body: unknown): boolean {
  return isStaleCode(field(body, 'errcode'));
}

function isStaleCode(code: unknown): boolean {
  if (typeof code === 'string') return /^\d{5}$/.test(code) && STALE_ERRCODES.has(Number(code));
  return typeof code === 'number' && STALE_ERRCODES.has(code);
}

function field(value: unknown, name: string): unknown {
  if (!isJsonObject(value) && !(value instanceof Error)) return undefined;
  return (value as unknown as Record<string, unknown>)[name];
}
