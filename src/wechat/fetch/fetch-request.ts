import { onAbort, reasonOf } from '../../core/concurrency/abort-listeners.js';
import { hasMethods, isAbortSignal, memberOf } from '../../core/primitives/foreign-objects.js';
import { describeKind, describeWord } from '../../core/primitives/redact.js';
import { type ApiUrl, readApiUrl } from './api-url.js';

/** The members of a `Request` of any realm or package that are used here. */
interface ForeignRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body?: unknown;
  readonly bodyUsed: boolean;
  readonly signal?: AbortSignal | null;
  readonly integrity?: string;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A call as it was asked for, without its token. */
export interface FetchRequest {
  readonly url: ApiUrl;
  readonly signal: AbortSignal | undefined;
  /** Whether the body can be sent only once. */
  readonly isOnce: boolean;
  /** Returns the `init` of a request. It reads the body of a `Request`. */
  init(): Promise<RequestInit>;
}

/**
 * The names of `RequestInit`, which are read as `fetch` reads them: inherited ones too, since a `Request` may be given as
 * the `init` of another.
 */
const NAMES = ['method', 'headers', 'body', 'redirect', 'signal', 'integrity', 'keepalive', 'duplex', 'dispatcher'];

/**
 * Reads the arguments of a call, each member once.
 *
 * @throws TypeError for a URL that leads elsewhere than to WeChat, for redirects that are to be followed, for a `Request`
 *   that was used, and for arguments that are none of `fetch`.
 */
export function readFetchRequest(input: unknown, init: unknown, origins: readonly string[]): FetchRequest {
  const request = isRequest(input) ? input : undefined;
  const url = readApiUrl(request?.url ?? readUrlText(input), origins);
  const given = readInit(init);
  const redirect = given['redirect'] ?? 'manual';
  if (redirect !== 'manual' && redirect !== 'error') {
    throw new TypeError(
      `redirect must be 'manual' or 'error', because a redirect would take the token elsewhere, got ${describeWord(redirect)}`,
    );
  }
  const signal = readSignal(given['signal'] === undefined ? request?.signal : given['signal']);
  const own =
    request === undefined ? {} : { method: request.method, headers: request.headers, ...integrityOf(request) };
  const fields = { ...own, ...given, redirect, signal: signal ?? null } as RequestInit;
  const isOfRequest = (given['body'] ?? undefined) === undefined && (request?.body ?? undefined) !== undefined;
  if (request === undefined || !isOfRequest) {
    return { url, signal, isOnce: isStream(given['body']), init: async () => ({ ...fields }) };
  }
  if (request.bodyUsed || memberOf(request.body, 'locked') === true) {
    throw new TypeError('the Request has been used: its body can be sent only once');
  }
  // The body is read whole, because a stream has no length that is known, and WeChat answers 412 to chunks.
  return {
    url,
    signal,
    isOnce: true,
    init: async () => ({ ...fields, body: await untilAborted(request.arrayBuffer(), signal) }),
  };
}

function isRequest(value: unknown): value is ForeignRequest {
  const hasBody = typeof memberOf(value, 'bodyUsed') === 'boolean' && hasMethods(value, 'clone', 'arrayBuffer');
  return hasBody && typeof memberOf(value, 'url') === 'string' && typeof memberOf(value, 'method') === 'string';
}

function readUrlText(input: unknown): string {
  const text = typeof input === 'string' ? input : memberOf(input, 'href');
  if (typeof text === 'string') return text;
  throw new TypeError(`a call takes a URL or a Request, got ${describeKind(input)}`);
}

function readInit(init: unknown): Record<string, unknown> {
  if (init === undefined || init === null) return {};
  if (typeof init !== 'object') throw new TypeError(`the init of a call must be an object, got ${describeKind(init)}`);
  try {
    const names = new Set([...Object.keys(init), ...NAMES.filter((name) => name in init)]);
    return Object.fromEntries([...names].map((name) => [name, (init as Record<string, unknown>)[name]]));
  } catch {
    throw new TypeError('the init of a call cannot be read');
  }
}

function readSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (isAbortSignal(signal)) return signal;
  throw new TypeError(`signal must be an AbortSignal, got ${describeKind(signal)}`);
}

function integrityOf({ integrity }: ForeignRequest): { integrity?: string } {
  return typeof integrity === 'string' && integrity !== '' ? { integrity } : {};
}

/** Returns whether a body is a web stream, a Node.js stream or another iterable that ends when it has been read. */
function isStream(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return false;
  return hasMethods(body, 'getReader') || hasMethods(body, 'pipe') || Symbol.asyncIterator in body;
}

/** Waits for the work, or rejects with the reason of the signal. */
function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(reasonOf(signal));
    if (signal.aborted) abort();
    const endListening = onAbort(signal, abort);
    work.then(resolve, reject).finally(endListening);
  });
}
