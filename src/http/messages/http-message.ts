import type { AnswerStream } from '../../gateway/answer-stream.js';
import { GUARDING_HEADERS } from '../../gateway/forwarded-headers.js';
import type { ArrivingBody } from '../../gateway/request-body.js';

/** A request, independent of the server that received it. */
export interface HttpRequest {
  /** The method. HEAD is presented as GET. */
  readonly method: string;
  readonly isHead: boolean;
  /** The path below the prefix, neither decoded nor normalized. */
  readonly path: string;
  /** The query without the `?`. */
  readonly search: string;
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** The remote address of the socket. */
  readonly peer: string | undefined;
  /** The object that stands for the connection; `undefined` if the host does not tell. */
  readonly connection: object | undefined;
  /** The `Host` of the request, with the port. */
  readonly host: string | undefined;
  /** Whether a token server sends the request to a registered URL. */
  readonly isCallback: boolean;
  /** Returns the value of a header; the name is in lower case. */
  header(name: string): string | undefined;
  /**
   * Returns the body as text without surrounding white space; `''` without a body.
   *
   * @throws BodyRefused if the body cannot be read or decoded.
   */
  body(): Promise<string>;
  /**
   * Returns the body as bytes that arrive; `undefined` without a body.
   *
   * @throws BodyRefused if the host has parsed the body and kept nothing of its bytes.
   */
  arrivingBody(): ArrivingBody | undefined;
  /**
   * Calls the listener when the caller has gone before it was answered: at once if it has already.
   *
   * @returns a function that ends the listening.
   */
  whenGone(listener: () => void): () => void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | AnswerStream;
}

export function isStream(body: HttpAnswer['body']): body is AnswerStream {
  return typeof body === 'object' && 'pipeTo' in body;
}

/** Reports that a body is refused, with the HTTP status of the answer. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const MAX_BODY_BYTES = 65_536;
/** The time in which the body of a request must have arrived. */
export const BODY_TIMEOUT_MS = 10_000;

export function bodyTooLarge(): BodyRefused {
  return new BodyRefused(413, `a body must be at most ${MAX_BODY_BYTES} bytes`);
}

export function bodyTooSlow(): BodyRefused {
  return new BodyRefused(408, `the body did not arrive within ${BODY_TIMEOUT_MS} ms`);
}

export { GUARDING_HEADERS };

/** The headers of most answers, merged with those of every answer once and not for each of them. */
const JSON_HEADERS = {
  ...GUARDING_HEADERS,
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
} as const;

/** Returns all headers of an answer. Most have those of every answer already. */
export function guardedHeaders({ headers }: HttpAnswer): Readonly<Record<string, string>> {
  return 'Cross-Origin-Resource-Policy' in headers ? headers : { ...GUARDING_HEADERS, ...headers };
}

/** Returns the same answer as `jsonAnswer`, for text that is JSON already. */
export function jsonTextAnswer(status: number, body: string): HttpAnswer {
  return { status, headers: JSON_HEADERS, body };
}

export function jsonAnswer(status: number, value: object, headers?: Readonly<Record<string, string>>): HttpAnswer {
  return {
    status,
    headers: headers === undefined ? JSON_HEADERS : { ...JSON_HEADERS, ...headers },
    body: JSON.stringify(value),
  };
}
