import { CALLBACK_HEADER } from '../../callbacks/guarded-request.js';
import { onAbort } from '../../core/concurrency/abort-listeners.js';
import type { Clock } from '../../core/concurrency/clock.js';
import { bytesIn, hasMethods } from '../../core/primitives/foreign-objects.js';
import type { AnswerStream } from '../../gateway/answer-stream.js';
import type { ArrivingBody } from '../../gateway/request-body.js';
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

/**
 * The facts about the connection that a `Request` does not hold.
 *
 * @public
 */
export interface FetchConnection {
  /** The address of the socket's other end, which the access check goes by. */
  readonly peer?: string | undefined;
}

/** Adapts a `Request` of the Fetch standard. */
export class FetchHttpRequest implements HttpRequest {
  readonly path: string;
  readonly search: string;
  readonly peer: string | undefined;
  readonly connection: undefined;
  readonly #request: Request;
  readonly #clock: Clock;

  /** @param path - the path of the request without the prefix. */
  constructor(request: Request, path: string, search: string, { peer }: FetchConnection, clock: Clock) {
    this.#request = request;
    this.#clock = clock;
    this.path = path;
    this.search = search;
    this.peer = peer;
  }

  get method(): string {
    return this.#request.method === 'HEAD' ? 'GET' : this.#request.method;
  }

  get isHead(): boolean {
    return this.#request.method === 'HEAD';
  }

  whenGone(listener: () => void): () => void {
    // The `Request` of another package may have no signal.
    const signal = this.#request.signal as AbortSignal | null;
    if (signal === null) return () => {};
    if (signal.aborted) listener();
    return onAbort(signal, listener);
  }

  get authorization(): string | undefined {
    return this.#request.headers.get('authorization') ?? undefined;
  }

  get accept(): string | undefined {
    return this.#request.headers.get('accept') ?? undefined;
  }

  get ifNoneMatch(): string | undefined {
    return this.#request.headers.get('if-none-match') ?? undefined;
  }

  get isCallback(): boolean {
    return this.#request.headers.has(CALLBACK_HEADER);
  }

  /** Returns the host of the request. A `Request` that a program has created has no `Host` header, but a URL. */
  get host(): string | undefined {
    return this.header('host') ?? new URL(this.#request.url).host;
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  arrivingBody(): ArrivingBody | undefined {
    const { body, bodyUsed, headers } = this.#request;
    if (bodyUsed) throw new BodyRefused(500, 'the body of this Request has been read already');
    if (body === null) return undefined;
    const stated = headers.get('content-length') ?? '';
    const length = /^\d+$/.test(stated) ? Number(stated) : undefined;
    return { length: Number.isSafeInteger(length) ? length : undefined, chunks: bytesOf(body) };
  }

  async body(): Promise<string> {
    const { body, bodyUsed } = this.#request;
    if (bodyUsed) throw new BodyRefused(400, 'the body of this Request has been read already');
    if (!body) return '';
    const collected = new CollectedBytes();
    try {
      for await (const part of inTime(body as AsyncIterable<unknown>, this.#clock)) {
        const chunk = asBytes(part);
        if (collected.length + chunk.length > MAX_BODY_BYTES) throw bodyTooLarge();
        collected.add(chunk);
      }
    } catch (error) {
      throw error instanceof BodyRefused ? error : new BodyRefused(400, 'the body could not be read');
    }
    const of = (name: string): string | undefined => this.#request.headers.get(name) ?? undefined;
    return decodedBody(collected.bytes(), {
      contentType: of('content-type'),
      contentEncoding: of('content-encoding'),
    });
  }
}

/** Yields the pieces of a body as bytes. It leaves the stream open, so that the request can still be answered. */
async function* bytesOf(body: ReadableStream<unknown>): AsyncGenerator<Uint8Array> {
  // The `Request` of another package may have a Node stream as its body.
  const pieces = hasMethods(body, 'values') ? body.values({ preventCancel: true }) : (body as AsyncIterable<unknown>);
  for await (const piece of pieces) yield asBytes(piece);
}

/** Returns a piece of a body as bytes. A stream that a program has created may have pieces of text. */
function asBytes(piece: unknown): Uint8Array {
  return bytesIn(piece) ?? Buffer.from(piece as string);
}

/**
 * Yields the pieces of a body.
 *
 * @throws BodyRefused when the body has not arrived in time.
 */
async function* inTime(body: AsyncIterable<unknown>, clock: Clock): AsyncGenerator<unknown> {
  const pieces = body[Symbol.asyncIterator]();
  let isWhole = false;
  let reportLate: (error: BodyRefused) => void = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    reportLate = reject;
  });
  const timer = clock.setTimer(() => reportLate(bodyTooSlow()), BODY_TIMEOUT_MS);
  try {
    while (!isWhole) {
      const { done, value } = await Promise.race([pieces.next(), late]);
      isWhole = done === true;
      if (!isWhole) yield value;
    }
  } finally {
    timer.cancel();
    // The rest is given up without waiting for it, because it may never arrive.
    if (!isWhole) void pieces.return?.().catch(() => {});
  }
}

const WITHOUT_BODY = new Set([204, 205, 304]);

export function fetchAnswer(answer: HttpAnswer): Response {
  const { status, body } = answer;
  const headers = guardedHeaders(answer);
  if (WITHOUT_BODY.has(status)) {
    if (isStream(body)) body.cancel();
    return new Response(null, { status, headers });
  }
  return new Response(isStream(body) ? readable(body) : (body as string), { status, headers });
}

/** Returns a streamed answer in the form of the Fetch standard, which asks for each piece. */
function readable(stream: AnswerStream): ReadableStream<Uint8Array> {
  let isPiped = false;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (isPiped) {
          stream.resume();
          return;
        }
        isPiped = true;
        stream.pipeTo({
          write: (chunk) => {
            controller.enqueue(chunk);
            return (controller.desiredSize ?? 0) > 0;
          },
          end: () => controller.close(),
          fail: (error) => controller.error(error),
        });
      },
      cancel: () => stream.cancel(),
    },
    { highWaterMark: 0 },
  );
}
