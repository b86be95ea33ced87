import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/concurrency/clock.js';

/** The time in which the rest of a body may arrive that nothing reads. */
const REST_MS = 5_000;
/** The number of bodies of which a piece is dropped in a turn of the event loop. */
const TAKEN_IN_A_TURN = 2;

/** The requests of which a piece has arrived that is not dropped yet. */
const waiting = new Set<IncomingMessage>();

/**
 * Ends an answer that was given before the whole body had arrived, and with it the connection.
 *
 * The rest of the body is taken and dropped until then. If the connection was closed while the caller still sends, the system
 * would reset it, and many callers and proxies report a broken connection instead of the answer that they have got. The bodies
 * are taken in turns, because no key is needed to send them, and those of a few connections could block the event loop.
 */
export function endAfterRest(request: IncomingMessage, response: ServerResponse, clock: Clock): void {
  const end = (): void => {
    timer.cancel();
    waiting.delete(request);
    response.end();
  };
  const timer = clock.setTimer(end, REST_MS);
  request.pause();
  request.once('end', end).once('close', end);
  request.on('readable', () => wait(request));
  wait(request);
  if (request.readableEnded || request.destroyed) end();
}

function wait(request: IncomingMessage): void {
  if (waiting.size === 0) setImmediate(takeInTurn);
  waiting.add(request);
}

function takeInTurn(): void {
  let left = TAKEN_IN_A_TURN;
  for (const request of waiting) {
    if (left === 0) break;
    left -= 1;
    waiting.delete(request);
    request.read();
  }
  if (waiting.size > 0) setImmediate(takeInTurn);
}
