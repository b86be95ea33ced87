import { onAbort } from '../concurrency/abort-listeners.js';
import type { Clock } from '../concurrency/clock.js';
import { Deadline } from '../model/deadline.js';
import { bytesIn, hasMethods, memberOf } from '../primitives/foreign-objects.js';
import { isUnreadNodeStream, peekNodeStream } from './node-stream-peek.js';

const MAX_BYTES = 65_536;
/** A body that stalls must not hold up the call that it is the result of. */
const MAX_WAIT_MS = 5_000;
/** The types of streams whose first part may be long in coming. */
const OF_EVENTS = /^\s*(?:text\/event-stream|multipart\/)/i;

/** The clock by which a body is waited for, and the signals that end the waiting early. */
export interface ResponseReading {
  readonly clock: Clock;
  /** The signal of the call. */
  readonly signal?: AbortSignal | undefined;
  /** The signal of the manager, which is being closed. */
  readonly closing?: AbortSignal | undefined;
}

/** The members of a `Response`, of any realm or package, that are used. */
export interface ForeignResponse {
  readonly status: number;
  readonly bodyUsed: boolean;
  readonly headers: { get(name: string): string | null };
  /** A stream of the Web or, with node-fetch, of Node. */
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

/** The members of a `Blob`, of any realm or package, that are used. */
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

/** Returns the text of a blob; an empty one where it is longer than 64 KiB, cannot be read, or does not come within 5 s. */
export async function readBlob(blob: ForeignBlob, reading: ResponseReading): Promise<string> {
  return withinTime(reading, async () => (blob.size > MAX_BYTES ? '' : blob.text()));
}

/**
 * Returns the beginning of a body, so much of it that `isEnough`, and leaves the response unread. The beginning is empty
 * where there is nothing to read: the body is a stream of events, was used, is longer than 64 KiB, or does not come within
 * 5 s. The type says nothing else: servers and proxies label JSON as anything.
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

/** Returns what is read within 5 s; an empty text where that fails or is stopped. */
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
    // A body that cannot be read is left to the caller, as is one whose call was aborted.
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
  // The clones of node-fetch share the stream by `pipe`, which hides a broken connection from the original.
  if (hasMethods(body, 'pipe', 'read', 'unshift')) {
    return isUnreadNodeStream(body) ? peekNodeStream(body, isEnough, signal) : '';
  }
  const copy = response.clone();
  // A polyfill without streams holds the whole body in memory.
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
