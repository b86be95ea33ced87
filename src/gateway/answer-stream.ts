/** The receiver of a streamed answer. */
export interface AnswerSink {
  /** Takes a piece, and returns whether more may follow at once; otherwise `resume` of the stream asks for more. */
  write(chunk: Uint8Array): boolean;
  end(): void;
  /** Reports that the answer broke, so that the caller must not take it for whole. */
  fail(error: Error): void;
}

/** Controls the connection that an answer arrives on. */
export interface AnswerSource {
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** Holds the rest of an answer until it has a receiver, and passes it on as fast as that takes it. */
export class AnswerStream {
  readonly #source: AnswerSource;
  #held: Uint8Array[];
  #sink: AnswerSink | undefined;
  #error: Error | undefined;
  #isOver = false;
  #bytes: number;
  readonly #onOver: ((error: Error | undefined) => void)[] = [];

  /** @param held - the pieces that have arrived. The source must be paused. */
  constructor(source: AnswerSource, held: Uint8Array[]) {
    this.#source = source;
    this.#held = held;
    this.#bytes = held.reduce((sum, { length }) => sum + length, 0);
  }

  /** Returns the number of bytes that have arrived. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Passes the answer to the receiver. A stream has one receiver. */
  pipeTo(sink: AnswerSink): void {
    this.#sink = sink;
    let takesMore = true;
    for (const chunk of this.#held.splice(0)) takesMore = sink.write(chunk) && takesMore;
    if (this.#isOver) this.#tellEnd(sink);
    else if (takesMore) this.#source.resume();
  }

  /** Asks for the next pieces after the receiver has refused more. */
  resume(): void {
    if (!this.#isOver) this.#source.resume();
  }

  /** Ends the answer because the caller no longer takes it. */
  cancel(): void {
    if (this.#isOver) return;
    this.#held = [];
    this.#source.abort(new Error('the caller has gone'));
  }

  /** Calls `over` when the connection has delivered the whole answer, or with an error if it has broken: at once if it has already. */
  whenOver(over: (error: Error | undefined) => void): void {
    if (this.#isOver) over(this.#error);
    else this.#onOver.push(over);
  }

  /** Takes the next piece from the connection. */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#sink === undefined) this.#held.push(chunk);
    else if (!this.#sink.write(chunk)) this.#source.pause();
  }

  /** Takes the end of the answer from the connection: an error if it broke. */
  finish(error?: Error): void {
    this.#isOver = true;
    this.#error = error;
    if (this.#sink !== undefined) this.#tellEnd(this.#sink);
    for (const over of this.#onOver.splice(0)) over(error);
  }

  #tellEnd(sink: AnswerSink): void {
    if (this.#error === undefined) sink.end();
    else sink.fail(this.#error);
  }
}
