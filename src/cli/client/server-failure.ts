import { isError } from '../../core/primitives/foreign-objects.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';

const MAX_SHOWN = 500;
/** The statuses with which a proxy answers in place of a server that gives it no answer. */
const OF_PROXIES: ReadonlySet<number> = new Set([502, 503, 504]);
/** The codes of a connection that was made and then closed without an answer. */
const CLOSED: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** The error for a server that has closed the connection without an answer, as one does whose process ends. */
export class ConnectionClosed extends Error {}

/**
 * Returns the error to show when a server cannot be reached. The original error is not shown because it may quote the
 * request.
 */
export function failureToReach(origin: string, error: unknown, waitedMs: number): Error {
  if ((error as Error).name === 'TimeoutError')
    return new Error(`${origin} did not answer within ${waitedMs / 1_000} s`);
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') {
    const advice = 'start it with "wechat-token-manager serve", or give its address with --url';
    return new Error(`no server listens at ${origin}: ${advice}`);
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new Error(`the host of ${origin} is unknown (${code}): give the server's address with --url`);
  }
  if (isForbiddenPort(error as Error)) {
    return new Error(`${origin} has a port that is reserved for a protocol other than HTTP`);
  }
  const message = `${origin} cannot be reached (${code ?? 'no reason was given'}): give the server's address with --url`;
  return CLOSED.has(code) ? new ConnectionClosed(message) : new Error(message);
}

/**
 * Returns the error for an unsuccessful answer. Its text depends on whether a key was sent.
 *
 * @param sent - the secrets of the request, which are removed from the text because an answer may repeat them.
 */
export function failureIn(
  origin: string,
  status: number,
  body: unknown,
  keySource: string | undefined,
  sent: readonly string[],
): Error {
  if (status === 401 || status === 403) return refusal(origin, status, hideSecrets(textIn(body), sent), keySource);
  const detail = hideSecrets(detailIn(body), sent);
  if (detail !== undefined) return new Error(detail);
  if (OF_PROXIES.has(status)) {
    return new Error(
      `a proxy at ${origin} gets no answer from the token server (${status}): check that the server runs`,
    );
  }
  return noTokenServer(origin, `with status ${status} and no explanation`);
}

export function noTokenServer(origin: string, how: string): Error {
  return new Error(`${origin} answered ${how}: give the token server's address with --url`);
}

function refusal(origin: string, status: number, detail: string | undefined, keySource: string | undefined): Error {
  const because = detail === undefined ? '' : `: ${detail}`;
  if (keySource === undefined) {
    // The reason may be another one than the missing key, such as a proxy on the way, which a key alone does not change.
    if (status === 403 && detail !== undefined) {
      const how = 'a key is given in WECHAT_TOKENS_KEY or with --key-file';
      return new Error(`${origin} refused the request, which has no API key${because} (${status}); ${how}`);
    }
    const advice = 'set WECHAT_TOKENS_KEY to an API key, or give a file that contains one with --key-file';
    return new Error(`${origin} requires an API key (${status}): ${advice}`);
  }
  return new Error(`${origin} rejected the API key of ${keySource}${because} (${status})`);
}

function hideSecrets(detail: string | undefined, sent: readonly string[]): string | undefined {
  return sent.reduce((text, secret) => text?.replaceAll(secret, '[redacted]'), detail);
}

/** Returns the text of an answer, with its codes. */
function detailIn(body: unknown): string | undefined {
  const text = textIn(body);
  if (text === undefined) return undefined;
  const facts = factsIn(body as JsonObject);
  return facts === '' ? text : `${text} (${facts})`;
}

/** Returns the detail of a problem document, or the message of an answer of the scheduler contract. */
function textIn(body: unknown): string | undefined {
  if (!isJsonObject(body)) return undefined;
  const text = body['detail'] ?? body['message'];
  return typeof text === 'string' && text !== '' ? text.slice(0, MAX_SHOWN) : undefined;
}

function factsIn({ code, errcode }: JsonObject): string {
  return [code, errcode === undefined ? undefined : `errcode ${JSON.stringify(errcode)}`]
    .filter((fact) => typeof fact === 'string' || typeof fact === 'number')
    .join(', ')
    .slice(0, MAX_SHOWN);
}

/** Returns the code of the underlying error. `fetch` wraps it once, and twice for a host with several addresses. */
function codeOf(error: unknown): string | undefined {
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown };
  if (typeof code === 'string') return code;
  return typeof cause === 'object' && cause !== null ? codeOf(cause) : undefined;
}

/** Returns whether `fetch` refuses the port: it blocks some ports, such as 6000 and 10080. */
function isForbiddenPort({ cause }: Error): boolean {
  return isError(cause) && cause.message === 'bad port';
}
