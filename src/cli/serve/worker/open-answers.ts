import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Knows the answers that are not sent yet, and ends their connections. */
export class OpenAnswers {
  readonly #answers = new Set<ServerResponse>();
  readonly #forget: (this: ServerResponse) => void;
  #endsConnections = false;

  constructor() {
    const answers = this.#answers;
    // One shared listener serves all answers, since `once` with a closure would allocate three more objects for each request.
    this.#forget = function forget(): void {
      answers.delete(this);
    };
  }

  /** Returns the number of answers that are next on their connections. */
  get size(): number {
    return this.#answers.size;
  }

  /** Returns whether a part of an answer has been written to a connection, and its end has not. */
  isBegunOn(socket: Socket): boolean {
    for (const answer of this.#answers) if (answer.socket === socket && answer.headersSent) return true;
    return false;
  }

  /**
   * Follows an answer until it is sent, or its connection is closed.
   *
   * One behind others on its connection is followed when its turn comes. If the connection is closed before that, Node does
   * not tell the answer, which would be kept in memory for ever.
   */
  follow(answer: ServerResponse): void {
    if (this.#endsConnections) endConnectionOf(answer);
    if (answer.socket === null) answer.once('socket', () => this.#add(answer));
    else this.#add(answer);
  }

  /** Makes every answer whose headers are not sent yet the last one of its connection, from now on. */
  endConnections(): void {
    this.#endsConnections = true;
    for (const answer of this.#answers) endConnectionOf(answer);
  }

  #add(answer: ServerResponse): void {
    this.#answers.add(answer);
    answer.on('close', this.#forget);
    if (this.#endsConnections) endConnectionOf(answer);
  }
}

function endConnectionOf(answer: ServerResponse): void {
  if (!answer.headersSent) answer.setHeader('Connection', 'close');
}
