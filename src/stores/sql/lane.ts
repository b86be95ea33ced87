import { describeValue } from '../../core/primitives/redact.js';

export const LONGEST_LANE = 255;

const LANE = new RegExp(`^[\\x21-\\x7e]{1,${LONGEST_LANE}}$`);

/** Refuses a lane that is too long for the column, because a lenient database would truncate it. */
export function assertLane(lane: string): void {
  if (typeof lane === 'string' && LANE.test(lane)) return;
  throw new TypeError(`lane must be 1 to ${LONGEST_LANE} printable ASCII characters, got ${describeValue(lane)}`);
}
