import type { Clock } from '../concurrency/clock.js';
import type { Closing } from '../model/closing.js';
import type { ReadResult } from '../model/token-record.js';
import { secondsLeft, withSecondsLeft } from '../primitives/lifetime-left.js';
import { withValue } from '../store/key-document.js';
import type { KeyDocuments } from '../store/key-documents.js';

/**
 * Returns what reads WeChat's answer behind a record: from the store, as it would be in memory twice for nothing.
 *
 * @param clock - the store's, on which grants have their instants.
 */
export function storedResult(clock: Clock, documents: KeyDocuments, closing: Closing): ReadResult {
  return async (key, version) => {
    closing.assertOpen();
    const { grant, recordVersion } = await documents.read(key);
    if (grant?.result === undefined || recordVersion !== version) return undefined;
    const left = secondsLeft(grant.expiresAt, clock.now());
    return withSecondsLeft(withValue(grant.result, grant.value), grant.value, left);
  };
}
