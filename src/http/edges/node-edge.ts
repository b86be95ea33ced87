import type { IncomingMessage, ServerResponse } from 'node:http';
import { CALLBACK_HEADER } from '../../callbacks/guarded-request.js';
import {
  BodyRefused,
  bodyTooLarge,
  guardedHeaders,
  type HttpAnswer,
  type HttpRequest,
  MAX_BODY_BYTES,
} from '../messages/http-message.js';
import { decodedBody } from './body-text.js';
import { isPlaceholder, textOfParsed } from './parsed-body.js';

/** A request of `node:http`. A framework may have read its body and left it on the request. */
export interface NodeRequest extends IncomingMessage {
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

/** Adapts a request of `node:http`, and of the frameworks that are built on it. */
export class NodeHttpRequest implements HttpRequest {
  readonly path: string;
  readonly search: string;
  readonly #request: NodeRequest;

  /** @param url - the URL of the request without the prefix. */
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

  get host(): string | undefined {
    return this.#request.headers.host;
  }

  get isCallback(): boolean {
    return this.#request.headers[CALLBACK_HEADER] !== undefined;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  async body(): Promise<string> {
    const { rawBody, body, readableEnded, readableDidRead, headers } = this.#request;
    const contentType = headers['content-type'];
    const isUnread = hasBody(this.#request) && !readableDidRead;
    const read = rawBody ?? (isUnread && isPlaceholder(body) ? undefined : body);
    if (read !== undefined) return withinBound(textOfParsed(read, contentType));
    if (!hasBody(this.#request)) return '';
    if (readableEnded) throw new BodyRefused(400, 'the body has been read already, and not been left on the request');
    return decodedBody(await readAll(this.#request), { contentType, contentEncoding: headers['content-encoding'] });
  }
}

export function sendNodeAnswer(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  if (response.headersSent || response.destroyed) return;
  // The connection is closed after an unread body, whose rest would be parsed as the next request.
  const isUnread = !request.complete && hasBody(request);
  const { status, body } = answer;
  const guarded = guardedHeaders(answer);
  // One copied object to which fields are added is created several times as fast as an object spread from two.
  const headers: Record<string, string | number> =
    status === 204 || status === 304 ? { ...guarded } : { ...guarded, 'Content-Length': Buffer.byteLength(body) };
  if (isUnread) headers['Connection'] = 'close';
  response.writeHead(status, headers);
  response.end(body);
}

export function sendNodeAnswerLater(
  request: IncomingMessage,
  response: ServerResponse,
  answered: Promise<HttpAnswer>,
): void {
  answered
    .then((settled) => sendNodeAnswer(request, response, settled))
    .catch((error: Error) => response.destroy(error));
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function withinBound(text: string): string {
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw bodyTooLarge();
  return text;
}

function readAll(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // The chunks are text if the host has set an encoding.
    request.on('data', (piece: Buffer | string) => {
      const chunk = Buffer.from(piece);
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else {
        request.pause();
        reject(bodyTooLarge());
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('close', () => reject(new BodyRefused(400, 'the connection was closed before the body had arrived')));
    request.once('error', () => reject(new BodyRefused(400, 'the body could not be read')));
  });
}
