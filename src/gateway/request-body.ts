/** The memory that a body of unknown length gets first. Most bodies are JSON, and shorter. */
const FIRST_HELD_BYTES = 16_384;

/** The body of a request as it arrives. */
export interface ArrivingBody {
  /** The length that the caller has stated; `undefined` for a chunked body. */
  readonly length: number | undefined;
  /** The pieces. Ending the iteration early leaves the connection open, so that it can still be answered. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Returns a body that is whole already as one that arrives. */
export function arrivedBody(bytes: Uint8Array): ArrivingBody {
  return { length: bytes.length, chunks: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The body of a call: none, whole so that it can be sent again, or arriving and sent once. */
export type CallBody = Uint8Array | ArrivingBody | undefined;

export function isHeld(body: CallBody): body is Uint8Array | undefined {
  return body === undefined || !('chunks' in body);
}

/**
 * Reports that the body of a caller broke off, or has another length than it states. The next request must not be read from
 * the same connection.
 */
export class BrokenBody extends Error {
  override readonly name: string = 'BrokenBody';
}

/**
 * Returns the whole body.
 *
 * @param moved - runs for each piece.
 * @throws BrokenBody.
 */
export async function readWhole(body: ArrivingBody, moved: () => void): Promise<Uint8Array> {
  const { length = 0 } = body;
  const whole = Buffer.allocUnsafe(length);
  let filled = 0;
  for await (const chunk of watched(body, moved)) {
    whole.set(chunk, filled);
    filled += chunk.length;
  }
  return whole;
}

/**
 * Returns a body of unknown length when it is whole, because WeChat accepts no body without a length. One that is too long to
 * be held is returned as it arrives, beginning with what is held of it.
 *
 * @param mayHold - returns whether further bytes may be held.
 * @param moved - runs for each piece.
 * @throws BrokenBody.
 */
export async function readWhileHeld(
  body: ArrivingBody,
  mayHold: (bytes: number) => boolean,
  moved: () => void,
): Promise<Uint8Array | ArrivingBody> {
  const pieces = watched(body, moved);
  // The pieces are copied, because a caller may send each byte as a piece of its own, which takes hundreds of bytes of memory.
  let held = Buffer.allocUnsafe(FIRST_HELD_BYTES);
  let filled = 0;
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
    const piece = next.value;
    if (!mayHold(piece.length)) return { length: undefined, chunks: joined([held.subarray(0, filled), piece], pieces) };
    if (filled + piece.length > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(filled + piece.length, 2 * held.length));
      held.copy(larger, 0, 0, filled);
      held = larger;
    }
    held.set(piece, filled);
    filled += piece.length;
  }
  return held.subarray(0, filled);
}

async function* joined(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}

/**
 * Yields the pieces of a body, and reports each of them.
 *
 * @throws BrokenBody, also when they are more or fewer bytes than the caller has stated.
 */
export async function* watched({ length, chunks }: ArrivingBody, moved: () => void): AsyncGenerator<Uint8Array> {
  let arrived = 0;
  try {
    for await (const chunk of chunks) {
      moved();
      arrived += chunk.length;
      if (length !== undefined && arrived > length) throw lengthMismatch();
      yield chunk;
    }
  } catch (error) {
    if (error instanceof BrokenBody) throw error;
    throw new BrokenBody('the connection was closed before the body had arrived');
  }
  if (length !== undefined && arrived < length) throw lengthMismatch();
}

function lengthMismatch(): BrokenBody {
  return new BrokenBody('the body does not have the length that Content-Length states');
}
