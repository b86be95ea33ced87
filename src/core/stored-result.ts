import { closedError } from './errors.js';
import type { GrantWriter } from './grant-writer.js';
import { withValue } from './key-document.js';
import type { ReadResult } from './token-record.js';

/** Returns what reads WeChat's answer behind a record: from the store, as it would be in memory twice for nothing. */
export function storedResult(writer: () => GrantWriter, isClosed: () => boolean): ReadResult {
  return async (key, version) => {
    if (isClosed()) throw closedError();
    const { grant, recordVersion } = await writer().read(key);
    if (grant?.result === undefined || recordVersion !== version) return undefined;
    return withValue(grant.result, grant.value);
  };
}
