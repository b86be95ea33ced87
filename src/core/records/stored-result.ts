import type { Clock } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import { secondsLeft, withSecondsLeft } from '../primitives/lifetime-left.js';
import { withValue } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';
import type { ReadStoredResult } from './records.js';

/**
 * Returns a function that reads WeChat's answer for a record from the store, so that the answer need not be kept in
 * memory.
 *
 * @param clock - the store's clock, on which grants have their instants.
 */
export function storedResult(clock: Clock, documents: KeyDocuments, closing: Closing): ReadStoredResult {
  return async (key, version, endOf) => {
    closing.assertOpen();
    const { grant, recordVersion } = await documents.read(key);
    if (grant?.result === undefined || recordVersion !== version) return undefined;
    const left = secondsLeft(endOf(grant), clock.now());
    return withSecondsLeft(withValue(grant.result, grant.value), grant.value, left);
  };
}
