import type { IncomingMessage, ServerResponse } from 'node:http';
import { CALLBACK_HEADER } from '../../callbacks/guarded-request.js';
import type { Clock } from '../../core/concurrency/clock.js';
import { bytesIn } from '../../core/primitives/foreign-objects.js';
import type { AnswerStream } from '../../gateway/answer-stream.js';
import { type ArrivingBody, arrivedBody } from '../../gateway/request-body.js';
import {
  BODY_TIMEOUT_MS,
  BodyRefused,
  bodyTooLarge,
  bodyTooSlow,
  guardedHeaders,
  type HttpAnswer,
  type HttpRequest,
  isStream,
  MAX_BODY_BYTES,
} from '../messages/http-message.js';
import { decodedBody } from './body-text.js';
import { CollectedBytes } from './collected-bytes.js';
import { onConnectionEnd } from './connection-end.js';
import { isPlaceholder, textOfParsed } from './parsed-body.js';
import { endAfterRest } from './rest-of-body.js';

/** The limit of bytes that are written as text, which Node hands to the system together with the headers. */
const MAX_TEXT_BYTES = 65_536;
/** The HTTP status of an answer to a body that did not arrive in time. */
const TOO_SLOW = 408;

/** A request of `node:http`. A framework may have read its body and left it on the request. */
export interface NodeRequest extends IncomingMessage {
  readonly rawBody?: unknown;
  readonly body?: unknown;
  /** The stream of a request of HTTP/2. */
  readonly stream?: {
    readonly endAfterHeaders: boolean;
    once(event: 'finish', listener: () => void): unknown;
    close(): void;
  };
}

/** Adapts a request of `node:http`, and of the frameworks that are built on it. */
export class NodeHttpRequest implements HttpRequest {
  readonly path: string;
  readonly search: string;
  readonly #request: NodeRequest;
  readonly #response: ServerResponse;
  readonly #clock: Clock;

  /** @param url - the URL of the request without the prefix. */
  constructor(request: NodeRequest, response: ServerResponse, url: string, clock: Clock) {
    this.#clock = clock;
    this.#request = request;
    this.#response = response;
    const end = url.indexOf('?');
    this.path = end === -1 ? url : url.slice(0, end);
    this.search = end === -1 ? '' : url.slice(end + 1);
  }

  get method(): string {
    return this.#request.method === 'HEAD' ? 'GET' : (this.#request.method ?? '');
  }

  get isHead(): boolean {
    return this.#request.method === 'HEAD';
  }

  whenGone(listener: () => void): () => void {
    const response = this.#response;
    // Node does not tell an answer behind others on its connection that the connection was closed.
    const isBehindOthers = response.socket === null;
    const endListening = isBehindOthers ? onConnectionEnd(this.#request.socket, listener) : undefined;
    if (response.destroyed) listener();
    response.once('close', listener);
    return () => {
      endListening?.();
      response.off('close', listener);
    };
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

  get connection(): object {
    return this.#request.socket;
  }

  /** Returns the host of the request, which HTTP/2 has in a field of another name. */
  get host(): string | undefined {
    return this.#request.headers.host ?? this.header(':authority');
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
    const contentEncoding = headers['content-encoding'];
    if (read !== undefined) {
      const contentLength = headers['content-length'];
      return withinBound(textOfParsed(read, { contentType, contentEncoding, contentLength }));
    }
    if (!hasBody(this.#request)) return '';
    if (readableEnded) throw new BodyRefused(400, 'the body was read already, and is not available on the request');
    return decodedBody(await readAll(this.#request, this.#clock), { contentType, contentEncoding });
  }

  arrivingBody(): ArrivingBody | undefined {
    const { rawBody, body, readableDidRead, readableEncoding, headers } = this.#request;
    if (!hasBody(this.#request)) return undefined;
    const bytes = bytesIn(rawBody) ?? bytesIn(body);
    if (bytes !== undefined) return arrivedBody(bytes);
    if (readableDidRead) {
      throw new BodyRefused(
        500,
        'the body was parsed and its bytes were not kept: mount the handler before the parser',
      );
    }
    // The pieces would be text, from which the bytes of an image cannot be restored.
    if (readableEncoding !== null) {
      throw new BodyRefused(
        500,
        'the host has set an encoding for the body, which loses its bytes: mount the handler before that',
      );
    }
    const length = headers['content-length'];
    return {
      length: length === undefined ? undefined : Number(length),
      chunks: this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
    };
  }
}

export function sendNodeAnswer(request: NodeRequest, response: ServerResponse, answer: HttpAnswer, clock: Clock): void {
  const { status, body } = answer;
  if (response.headersSent || response.destroyed) {
    if (isStream(body)) body.cancel();
    return;
  }
  // The connection is closed after an unread body, whose rest would be parsed as the next request, and after one that was
  // read in part, whose rest Node would wait for.
  const isReadInPart = request.readableDidRead && !request.readableEnded;
  const isUnread = (!request.complete || isReadInPart) && hasBody(request);
  const guarded = guardedHeaders(answer);
  const hasNoLength = status === 204 || status === 304 || isStream(body);
  // An object that is spread and then extended would get a hidden class of its own, which takes microseconds to create.
  const headers: Record<string, string | number> = Object.assign({}, guarded);
  if (!hasNoLength) headers['Content-Length'] = Buffer.byteLength(body);
  const isLast = isUnread && !isHttp2(request);
  if (isLast) headers['Connection'] = 'close';
  if (isReadInPart && isHttp2(request)) closeAfterAnswer(request);
  response.writeHead(status, headers);
  // A caller whose body did not arrive in time is not waited for any longer.
  const end = isLast && status !== TOO_SLOW ? () => endAfterRest(request, response, clock) : undefined;
  if (isStream(body)) pipe(body, request, response, end ?? (() => response.end()));
  else if (end !== undefined) {
    // The caller gets the whole answer before its end.
    response.flushHeaders();
    response.write(body);
    end();
  } else if (typeof body === 'string') endInOnePiece(response, body, 'utf8');
  else if (body.length > MAX_TEXT_BYTES) response.end(body);
  else endInOnePiece(response, body.toString('latin1'), 'latin1');
}

/**
 * Closes the stream of a request over HTTP/2 when its answer is sent. Node does so if nothing of the body was read, but leaves a
 * stream open whose body was read in part.
 */
function closeAfterAnswer({ stream }: NodeRequest): void {
  // Node does not tell the caller if `close` is called within the event.
  stream?.once('finish', () => setImmediate(() => stream.close()));
}

/**
 * Sends the header and the body. `end` with a body would append an empty piece to them, and Node would copy both pieces
 * into a buffer of their own instead of handing one text to the system.
 */
function endInOnePiece(response: ServerResponse, body: string, encoding: 'utf8' | 'latin1'): void {
  const { socket } = response;
  // Otherwise `write` would itself hold the text back, and schedule a callback that lets it go at the end of the turn.
  socket?.cork();
  if (body !== '') response.write(body, encoding);
  // `end` appends nothing to text that is sent already.
  socket?.uncork();
  response.end();
}

/** Passes a streamed answer on as fast as the caller takes it. */
function pipe(stream: AnswerStream, request: NodeRequest, response: ServerResponse, end: () => void): void {
  response.on('drain', () => stream.resume());
  response.once('close', () => stream.cancel());
  stream.pipeTo({
    write: (chunk) => response.write(chunk),
    end,
    fail: (error) => breakOff(request, response, error),
  });
}

/**
 * Ends an answer so that the caller sees that it is not whole. Closing the connection shows that over HTTP/1.1. Over HTTP/2 only
 * the stream is closed, with an error, without which the answer would seem whole. HTTP/1.0, which some proxies speak by default,
 * has no chunks: an answer of unknown length ends where its connection does, so that the connection is reset.
 */
function breakOff(request: NodeRequest, response: ServerResponse, error: Error): void {
  if (isHttp2(request)) {
    response.destroy(error);
    return;
  }
  const { socket } = response;
  // Node cannot reset connections of Unix sockets, nor those of TLS, which has an end of its own that is missing then.
  const canReset = socket?.remoteAddress !== undefined && !('encrypted' in socket);
  if (canReset && request.httpVersion === '1.0') socket.resetAndDestroy();
  else response.destroy();
}

export function sendNodeAnswerLater(
  request: IncomingMessage,
  response: ServerResponse,
  answered: Promise<HttpAnswer>,
  clock: Clock,
): void {
  answered
    .then((settled) => sendNodeAnswer(request, response, settled, clock))
    .catch((error: Error) => response.destroy(error));
}

function isHttp2({ httpVersionMajor }: IncomingMessage): boolean {
  return httpVersionMajor >= 2;
}

/** Returns whether a request has a body. In HTTP/2 no header tells so, because the length is optional. */
function hasBody(request: NodeRequest): boolean {
  if (isHttp2(request) && request.stream !== undefined) return !request.stream.endAfterHeaders;
  const { headers } = request;
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function withinBound(text: string): string {
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) throw bodyTooLarge();
  return text;
}

/** Returns the whole body, if it arrives in time. */
function readAll(request: IncomingMessage, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => reject(bodyTooSlow()), BODY_TIMEOUT_MS);
    request.once('close', () => timer.cancel());
    const collected = new CollectedBytes();
    // The chunks are text if the host has set an encoding.
    const take = (piece: Buffer | string): void => {
      const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
      if (collected.length + chunk.length <= MAX_BODY_BYTES) collected.add(chunk);
      else {
        timer.cancel();
        request.off('data', take).pause();
        reject(bodyTooLarge());
      }
    };
    request.on('data', take);
    // A host may have paused the request while it waited for something, and then a listener alone lets nothing flow.
    request.resume();
    request.once('end', () => {
      timer.cancel();
      resolve(collected.bytes());
    });
    request.once('close', () => reject(new BodyRefused(400, 'the connection was closed before the body had arrived')));
    request.once('error', () => reject(new BodyRefused(400, 'the body could not be read')));
  });
}
