import { DELIVERY_LANE, keyIn } from '../../core/model/token-key.js';
import { laneName } from './document-text.js';
import { RedisFailure } from './redis-failure.js';

const MAX_CHANGES = 5;

/**
 * Returns the lane in which a document is likely to be due: that of its type, or that of deliveries. A script is given the
 * keys that it uses, so a caller has to know the lane before the document has been read.
 */
export function likelyLane(id: string): string {
  return keyIn('delivery', id) === undefined ? laneName(id.split('/')[2] ?? '') : DELIVERY_LANE;
}

/** Runs a script for a lane, and once more for the right one where it answers that the document stands in another. */
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
