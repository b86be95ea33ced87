import type { Clock } from './clock.js';
import type { Closing } from './closing.js';
import type { GrantWriter } from './grant-writer.js';
import { withValue } from './key-document.js';
import { secondsLeft, withSecondsLeft } from './lifetime-left.js';
import type { ReadResult } from './token-record.js';

/**
 * Returns what reads WeChat's answer behind a record: from the store, as it would be in memory twice for nothing.
 *
 * @param clock - the store's, on which grants have their instants.
 */
export function storedResult(clock: Clock, writer: () => GrantWriter, closing: Closing): ReadResult {
  return async (key, version) => {
    closing.assertOpen();
    const { grant, recordVersion } = await writer().read(key);
    if (grant?.result === undefined || recordVersion !== version) return undefined;
    const left = secondsLeft(grant.expiresAt, clock.now());
    return withSecondsLeft(withValue(grant.result, grant.value), grant.value, left);
  };
}
