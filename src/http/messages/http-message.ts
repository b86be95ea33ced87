/** One request as the contracts see it, whatever server received it. */
export interface HttpRequest {
  readonly method: string;
  /** Below the prefix, as it came: neither decoded nor normalised. */
  readonly path: string;
  /** Without the `?`. */
  readonly search: string;
  readonly authorization: string | undefined;
  readonly accept: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** The address of the socket's other end. */
  readonly peer: string | undefined;
  /** The `Host` that it was sent to, with the port. */
  readonly host: string | undefined;
  /** Whether a token server sends it to a URL that was registered. */
  readonly isCallback: boolean;
  /** Returns the value of a header; the name is in lower case. */
  header(name: string): string | undefined;
  /**
   * Returns the body as text without white space around it, `''` without a body.
   *
   * @throws BodyRefused
   */
  body(): Promise<string>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Reports that a body is refused, with the HTTP status to answer. */
export class BodyRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const MAX_BODY_BYTES = 65_536;

export function bodyTooLarge(): BodyRefused {
  return new BodyRefused(413, `a body must be at most ${MAX_BODY_BYTES} bytes`);
}

/** Every answer has these: browsers hand no page of another origin what they guard, and take no answer for a script. */
export const GUARDING_HEADERS = {
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
} as const;

/** The headers of nearly every answer, with those that every answer has, so that they are put together once. */
const JSON_HEADERS = {
  ...GUARDING_HEADERS,
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
} as const;

/** Returns all headers that an answer is sent with. */
export function guardedHeaders({ headers }: HttpAnswer): Readonly<Record<string, string>> {
  return headers === JSON_HEADERS ? JSON_HEADERS : { ...GUARDING_HEADERS, ...headers };
}

/** Returns the same answer as `jsonAnswer` for text that is JSON already. */
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
