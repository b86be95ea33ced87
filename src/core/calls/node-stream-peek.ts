import { bytesIn, hasMethods, memberOf } from '../primitives/foreign-objects.js';

/** The members of a `Readable` of `node:stream` that are used here. */
export interface NodeStream {
  readonly readableLength: number;
  readonly readableHighWaterMark: number;
  read(): unknown;
  unshift(chunk: unknown): void;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
}

/** Returns whether a value is a Node.js stream from which nothing has been read and to which no reader is attached. */
export function isUnreadNodeStream(value: unknown): value is NodeStream {
  return (
    hasMethods(value, 'read', 'unshift', 'on', 'off') &&
    typeof memberOf(value, 'readableLength') === 'number' &&
    typeof memberOf(value, 'readableHighWaterMark') === 'number' &&
    memberOf(value, 'readableFlowing') === null &&
    memberOf(value, 'readableDidRead') === false &&
    memberOf(value, 'destroyed') === false
  );
}

const ENDS: readonly string[] = ['end', 'error', 'close'];

/**
 * Reads the beginning of a stream and puts it back. It reads until `isEnough` returns `true`, the signal is aborted, or
 * the buffer of the stream is full, which is at 16 KiB with node-fetch.
 */
export function peekNodeStream(
  stream: NodeStream,
  isEnough: (beginning: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    let seenLength = 0;
    const stop = (): void => {
      stream.off('readable', look);
      for (const end of ENDS) stream.off(end, stop);
      signal.removeEventListener('abort', stop);
      resolve(text);
    };
    const look = (): void => {
      const length = stream.readableLength;
      // Putting chunks back emits `readable` again, although there is nothing new.
      if (length > 0 && length === seenLength) return;
      if (length > 0) text = readAndPutBack(stream);
      seenLength = stream.readableLength;
      const isFull = seenLength >= stream.readableHighWaterMark;
      // A stream that emits `readable` with an empty buffer has ended.
      if (length === 0 || isFull || isEnough(text)) stop();
    };
    for (const end of ENDS) stream.on(end, stop);
    signal.addEventListener('abort', stop, { once: true });
    stream.on('readable', look);
  });
}

function readAndPutBack(stream: NodeStream): string {
  const chunks: unknown[] = [];
  for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  for (const chunk of chunks.toReversed()) stream.unshift(chunk);
  const decoder = new TextDecoder();
  const texts = chunks.map((chunk) =>
    typeof chunk === 'string' ? chunk : decoder.decode(bytesIn(chunk) ?? new Uint8Array(), { stream: true }),
  );
  return texts.join('');
}
