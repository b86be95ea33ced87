import type { IncomingMessage, ServerResponse } from 'node:http';
import { CALLBACK_HEADER } from '../callbacks/guarded-request.js';
import { bytesIn } from '../core/foreign-objects.js';
import {
  BodyRefused,
  bodyTooLarge,
  type HttpAnswer,
  type HttpRequest,
  isCrossSite,
  MAX_BODY_BYTES,
} from './http-message.js';

/** A request of `node:http`, on which a framework may have left the body that it has read. */
export interface NodeRequest extends IncomingMessage {
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

/** A request of `node:http`, and of the frameworks that are built on it. */
export class NodeHttpRequest implements HttpRequest {
  readonly path: string;
  readonly search: string;
  readonly #request: NodeRequest;

  /** @param url - the request's, without the prefix. */
  constructor(request: NodeRequest, url: string) {
    this.#request = request;
    const end = url.indexOf('?');
    this.path = end === -1 ? url : url.slice(0, end);
    this.search = end === -1 ? '' : url.slice(end + 1);
  }

  get method(): string {
    return this.#request.method === 'HEAD' ? 'GET' : (this.#request.method ?? '');
  }

  get authorization(): string | undefined {
    return this.#request.headers.authorization;
  }

  get accept(): string | undefined {
    return this.#request.headers.accept;
  }

  get ifNoneMatch(): string | undefined {
    return this.#request.headers['if-none-match'];
  }

  get peer(): string | undefined {
    return this.#request.socket.remoteAddress;
  }

  get isCrossSite(): boolean {
    const { 'sec-fetch-site': site, origin, host } = this.#request.headers;
    return isCrossSite(typeof site === 'string' ? site : undefined, origin, host);
  }

  get isCallback(): boolean {
    return this.#request.headers[CALLBACK_HEADER] !== undefined;
  }

  async body(): Promise<string> {
    const { rawBody, body, readableEnded } = this.#request;
    const read = rawBody ?? body;
    if (read !== undefined) return checkedText(textOf(read));
    if (!hasBody(this.#request)) return '';
    if (readableEnded) throw new BodyRefused(400, 'the body has been read already, and not been left on the request');
    return readAll(this.#request);
  }
}

export function sendNodeAnswer(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  if (response.headersSent || response.destroyed) return;
  // A body that nobody has read to its end would be taken for the next request.
  const isUnread = !request.complete && hasBody(request);
  const { status, body } = answer;
  const headers: Record<string, string | number> = { ...answer.headers };
  if (!WITHOUT_BODY.has(status)) headers['Content-Length'] = Buffer.byteLength(body);
  if (isUnread) headers['Connection'] = 'close';
  response.writeHead(status, headers);
  response.end(body);
}

const WITHOUT_BODY = new Set([204, 304]);

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Frameworks leave text, bytes, or what they have parsed. */
function textOf(read: unknown): string {
  if (typeof read === 'string') return read;
  const bytes = bytesIn(read);
  return bytes === undefined ? (JSON.stringify(read) ?? '') : Buffer.from(bytes).toString();
}

function checkedText(text: string): string {
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw bodyTooLarge();
  return text;
}

function readAll(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // Of a host that has set an encoding they are text.
    request.on('data', (piece: Buffer | string) => {
      const chunk = Buffer.from(piece);
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else {
        request.pause();
        reject(bodyTooLarge());
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString()));
    request.once('close', () => reject(new BodyRefused(400, 'the connection was closed before the body was there')));
    request.once('error', () => reject(new BodyRefused(400, 'the body could not be read')));
  });
}
