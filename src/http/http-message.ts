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
  /** Whether a browser sends it for a page of another site. */
  readonly isCrossSite: boolean;
  /** Whether a token server sends it to a URL that somebody has registered. */
  readonly isCallback: boolean;
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

/** A body that is not read to its end. */
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

/** Whether a browser says that a page of another site has asked for this. */
export function isCrossSite(site: string | undefined, origin: string | undefined, host: string | undefined): boolean {
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}

const JSON_HEADERS = { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' } as const;

/** The same for text that is JSON already. */
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
