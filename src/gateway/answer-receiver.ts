import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { firstByteOf } from '../core/calls/stale-body.js';
import { AnswerStream } from './answer-stream.js';

/** The limit of an answer that is held until it is whole. */
export const MAX_HELD_ANSWER_BYTES = 65_536;
/** The first bytes of JSON, of HTML and XML, and that of an answer of which nothing but white space has arrived. */
const TEXT_BEGINNINGS: ReadonlySet<number | undefined> = new Set([0x7b, 0x3c, undefined]);
const FIRST_ERROR_STATUS = 400;

/** An answer of WeChat: whole, or a stream whose beginning has arrived. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer | AnswerStream;
}

/** The listeners of a receiver. */
export interface ReceiverEvents {
  /** Runs when the request is about to be written to a connection. */
  sent(): void;
  /** Runs when a part of the answer has arrived. */
  moved(): void;
  answered(answer: UpstreamAnswer): void;
  /** Runs instead of `answered` if there is no answer. */
  failed(error: Error): void;
  /** Runs when nothing more will arrive, after `answered` or `failed`. */
  over(): void;
}

/**
 * Receives an answer from undici. One that begins with `{` or `<`, be it after white space, is encoded or has the status of an error
 * is held until it is whole, because it may be an error of WeChat whatever its type says, or a page that repeats the token; any
 * other is passed on from its first byte.
 */
export class AnswerReceiver implements Dispatcher.DispatchHandler {
  readonly #events: ReceiverEvents;
  #controller: Dispatcher.DispatchController | undefined;
  #abortReason: Error | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #mayBeText = false;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #firstByte: number | undefined;
  #stream: AnswerStream | undefined;
  #isOver = false;

  constructor(events: ReceiverEvents) {
    this.#events = events;
  }

  /** Ends the exchange; `failed` or the stream gets the reason. */
  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortReason === undefined) this.#events.sent();
    else controller.abort(this.#abortReason);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#events.moved();
    if (status < 200) return;
    this.#status = status;
    const encoding = encodingOf(headers);
    this.#headers = encoding === undefined ? headers : { ...headers, 'content-encoding': encoding };
    this.#mayBeText = status >= FIRST_ERROR_STATUS || !['', 'identity'].includes(encoding ?? '');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // undici delivers an empty piece when an answer is resumed before more of it has arrived. A caller that was handed that
    // piece would ask for the next one at once, and again, and the connection would never get its turn to be read.
    if (chunk.length === 0) return;
    this.#events.moved();
    if (this.#stream !== undefined) {
      this.#stream.push(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.#firstByte ??= firstByteOf(chunk);
    const isHeld = this.#mayBeText || TEXT_BEGINNINGS.has(this.#firstByte);
    if (isHeld && this.#heldBytes <= MAX_HELD_ANSWER_BYTES) return;
    controller.pause();
    this.#stream = new AnswerStream(controller, this.#held);
    this.#answer(this.#stream);
  }

  onResponseEnd(): void {
    this.#isOver = true;
    if (this.#stream === undefined)
      this.#answer(this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held));
    else this.#stream.finish();
    this.#events.over();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#stream === undefined) this.#events.failed(error);
    else this.#stream.finish(error);
    this.#events.over();
  }

  #answer(body: Buffer | AnswerStream): void {
    this.#events.answered({ status: this.#status, headers: this.#headers, body });
  }
}

/** Returns the encoding of an answer as one text, because undici returns a list for a header that is there twice. */
function encodingOf(headers: IncomingHttpHeaders): string | undefined {
  const encoding: string | readonly string[] | undefined = headers['content-encoding'];
  return typeof encoding === 'object' ? (encoding as readonly string[]).join(', ') : encoding;
}
