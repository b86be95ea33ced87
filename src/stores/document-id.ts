import { describeValue } from '../core/primitives/redact.js';

const SEGMENT = '[\\x21-\\x2e\\x30-\\x7e]{1,384}';
const ID = new RegExp(`^${SEGMENT}(?:/${SEGMENT}){1,3}$`);
const PREFIX = new RegExp(`^${SEGMENT}(?:/${SEGMENT}){0,3}$`);
const SEGMENTS = 'segments of 1 to 384 printable ASCII characters';

/** The length of the longest id: four segments and their separators. */
export const LONGEST_ID: number = 4 * 384 + 3;

export function isDocumentId(id: string): boolean {
  return ID.test(id);
}

/**
 * Asserts that the text is an id.
 *
 * @throws TypeError otherwise.
 */
export function assertId(id: string): void {
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new TypeError(`id must be 2 to 4 ${SEGMENTS}, got ${describeValue(id)}`);
  }
}

/**
 * Asserts that the text is an id or the beginning of one.
 *
 * @throws TypeError otherwise.
 */
export function assertPrefix(prefix: string): void {
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw new TypeError(`prefix must be 1 to 4 ${SEGMENTS}, got ${describeValue(prefix)}`);
  }
}
