import { DELIVERY_LANE, keyIn } from '../../core/model/token-key.js';
import { laneName } from './document-text.js';
import { RedisFailure } from './redis-failure.js';

const MAX_CHANGES = 5;

/**
 * Returns the lane in which a document is probably due: that of its type, or that of deliveries. A script must be called
 * with its keys, so that the caller needs the lane before the document is read.
 */
export function likelyLane(id: string): string {
  return keyIn('delivery', id) === undefined ? laneName(id.split('/')[2] ?? '') : DELIVERY_LANE;
}

/** Runs a script for a lane, and again for the right lane if the script answers that the document is in another one. */
export async function runInLane(lane: string, run: (lane: string) => Promise<unknown>): Promise<unknown> {
  let answer = await run(lane);
  for (let changes = 0; isLane(answer); changes++) {
    if (changes === MAX_CHANGES) throw new RedisFailure(`gave up after ${MAX_CHANGES} changes of a document's lane`);
    answer = await run(answer[1]);
  }
  return answer;
}

function isLane(answer: unknown): answer is [string, string] {
  return Array.isArray(answer) && answer.length === 2 && answer[0] === 'lane';
}
