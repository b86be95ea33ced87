import { describeValue } from '../../core/redact.js';

/** How long the longest id is: four segments and what joins them. */
export const LONGEST_ID: number = 4 * 384 + 3;
export const LONGEST_LANE = 255;

const SEGMENT = '[\\x21-\\x2e\\x30-\\x7e]{1,384}';
const ID = new RegExp(`^${SEGMENT}(?:/${SEGMENT}){1,3}$`);
const PREFIX = new RegExp(`^${SEGMENT}(?:/${SEGMENT}){0,3}$`);
const LANE = new RegExp(`^[\\x21-\\x7e]{1,${LONGEST_LANE}}$`);

/** What no column could hold is refused here, because a lenient database would cut it off. */
export function assertId(id: string): void {
  assertForm('id', id, ID, '2 to 4 segments of 1 to 384 printable ASCII characters');
}

export function assertPrefix(prefix: string): void {
  assertForm('prefix', prefix, PREFIX, '1 to 4 segments of 1 to 384 printable ASCII characters');
}

export function assertLane(lane: string): void {
  assertForm('lane', lane, LANE, `1 to ${LONGEST_LANE} printable ASCII characters`);
}

function assertForm(name: string, value: unknown, form: RegExp, what: string): void {
  if (typeof value === 'string' && form.test(value)) return;
  throw new TypeError(`${name} must be ${what}, got ${describeValue(value)}`);
}
