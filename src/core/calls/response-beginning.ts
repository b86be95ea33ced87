import { onAbort } from '../concurrency/abort-listeners.js';
import type { Clock } from '../concurrency/clock.js';
import { Deadline } from '../model/deadline.js';
import { bytesIn, hasMethods, memberOf } from '../primitives/foreign-objects.js';
import { isUnreadNodeStream, peekNodeStream } from './node-stream-peek.js';

const MAX_BYTES = 65_536;
/** The maximum wait for a body, so that a body that stalls does not hold up the call whose result it is. */
const MAX_WAIT_MS = 5_000;
/** The content types of event streams, whose first part may take long to arrive. */
const OF_EVENTS = /^\s*(?:text\/event-stream|multipart\/)/i;

/** The clock that limits the wait for a body, and the signals that end it early. */
export interface ResponseReading {
  readonly clock: Clock;
  /** The signal of the call. */
  readonly signal?: AbortSignal | undefined;
  /** The signal that is aborted when the manager is closed. */
  readonly closing?: AbortSignal | undefined;
}

/** The members of a `Response` of any realm or package that are used here. */
export interface ForeignResponse {
  readonly status: number;
  readonly bodyUsed: boolean;
  readonly headers: { get(name: string): string | null };
  /** The body as a web stream or, with node-fetch, a Node.js stream. */
  readonly body?: unknown;
  clone(): ForeignResponse;
  text(): Promise<string>;
}

export function isResponse(value: unknown): value is ForeignResponse {
  return (
    typeof memberOf(value, 'status') === 'number' &&
    typeof memberOf(value, 'bodyUsed') === 'boolean' &&
    hasMethods(value, 'clone', 'text') &&
    hasMethods(memberOf(value, 'headers'), 'get')
  );
}

/** The members of a `Blob` of any realm or package that are used here. */
export interface ForeignBlob {
  readonly size: number;
  text(): Promise<string>;
}

export function isBlob(value: unknown): value is ForeignBlob {
  return (
    typeof memberOf(value, 'size') === 'number' &&
    typeof memberOf(value, 'type') === 'string' &&
    hasMethods(value, 'slice', 'stream', 'text', 'arrayBuffer')
  );
}

/**
 * Returns the text of a blob, or an empty text if the blob is longer than 64 KiB, cannot be read, or takes longer than
 * 5 s.
 */
export async function readBlob(blob: ForeignBlob, reading: ResponseReading): Promise<string> {
  return withinTime(reading, async () => (blob.size > MAX_BYTES ? '' : blob.text()));
}

/**
 * Returns the beginning of a body, read until `isEnough` returns `true`, and leaves the response unread. The text is
 * empty if the body is an event stream, was used, is longer than 64 KiB, or takes longer than 5 s. Other content types
 * are ignored, because servers and proxies label JSON with all kinds of types.
 */
export async function readBeginning(
  response: ForeignResponse,
  isEnough: (beginning: string) => boolean,
  reading: ResponseReading,
): Promise<string> {
  return withinTime(reading, async (stopping) =>
    response.bodyUsed || !mayBeAnswer(response) ? '' : read(response, isEnough, stopping),
  );
}

/** Returns the text that is read within 5 s, or an empty text if reading fails or is stopped. */
async function withinTime(
  { clock, signal, closing }: ResponseReading,
  work: (stopping: AbortSignal) => Promise<string>,
): Promise<string> {
  const stopping = new AbortController();
  const signals = [signal, closing].flatMap((given) => given ?? []);
  const forget = signals.map((given) => onAbort(given, () => stopping.abort()));
  try {
    if (signals.some(({ aborted }) => aborted)) return '';
    const reading = work(stopping.signal);
    return (await new Deadline(clock, MAX_WAIT_MS, stopping.signal).settles(reading, MAX_WAIT_MS)) ?? '';
  } catch {
    // The caller handles a body that cannot be read, and one whose call was aborted.
    return '';
  } finally {
    for (const end of forget) end();
    stopping.abort();
  }
}

function mayBeAnswer({ headers }: ForeignResponse): boolean {
  if (Number(headers.get('content-length') ?? 0) > MAX_BYTES) return false;
  return !OF_EVENTS.test(headers.get('content-type') ?? '');
}

async function read(
  response: ForeignResponse,
  isEnough: (beginning: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const { body } = response;
  if (body === null) return '';
  // A Node.js stream is read directly, because a clone by node-fetch shares it through `pipe`, which hides a broken
  // connection from the original.
  if (hasMethods(body, 'pipe', 'read', 'unshift')) {
    return isUnreadNodeStream(body) ? peekNodeStream(body, isEnough, signal) : '';
  }
  const copy = response.clone();
  // Polyfills without streams have the whole body in memory.
  if (!hasMethods(copy.body, 'getReader')) return copy.text();
  return readWebStream(copy.body as ReadableStream<unknown>, isEnough, signal);
}

async function readWebStream(
  stream: ReadableStream<unknown>,
  isEnough: (beginning: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const reader = stream.getReader();
  const stop = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', stop, { once: true });
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for (let part = await reader.read(); part.done !== true; part = await reader.read()) {
    const chunk = bytesIn(part.value);
    bytes += chunk?.length ?? 0;
    if (chunk === undefined || bytes > MAX_BYTES) return '';
    text += decoder.decode(chunk, { stream: true });
    if (isEnough(text)) return text;
  }
  return text;
}
