import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** The number of pieces after which they are reported. Each costs about as much as a header field. */
const REPORTED_PIECES = 64;
/** The number of tiny pieces that a body may have. Each takes hundreds of bytes of memory, however short it is. */
const MOST_TINY_PIECES = 1_024;
const TINY_BYTES = 16;

/** The listeners of the pieces of bodies. */
export interface PieceListeners {
  /** Runs each time that so many pieces of a body have arrived. */
  onPieces(socket: Socket, pieces: number): void;
  /** Runs when a body has arrived in more tiny pieces than any program sends. What follows of it is dropped. */
  onCrumbs(socket: Socket): void;
}

/**
 * Creates a class of requests that counts the pieces of each body while they are parsed. A chunked body can have a piece for each
 * byte: 64 KiB of the connection then become ten thousand pieces, whether the body is read or not, and no key is needed for that.
 */
export function countedRequests({ onPieces, onCrumbs }: PieceListeners): typeof IncomingMessage {
  return class CountedRequest extends IncomingMessage {
    #pieces = 0;
    #bytes = 0;
    #isDropped = false;

    /** Takes a piece from the parser of the connection; `null` is the end of the body. */
    override push(piece: Buffer | null): boolean {
      if (piece === null) return super.push(null);
      if (this.#isDropped) return false;
      this.#pieces += 1;
      this.#bytes += piece.length;
      if (this.#pieces % REPORTED_PIECES !== 0) return super.push(piece);
      onPieces(this.socket, REPORTED_PIECES);
      this.#isDropped = this.#pieces > MOST_TINY_PIECES && this.#bytes < this.#pieces * TINY_BYTES;
      if (!this.#isDropped) return super.push(piece);
      onCrumbs(this.socket);
      return false;
    }
  };
}
