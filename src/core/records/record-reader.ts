import type { TokenKey } from '../model/token-key.js';
import type { KeyDocument } from '../store/key-document.js';
import type { CachedRecord } from './cached-record.js';

/** Puts in force what the store holds. */
export interface RecordReader {
  /** Reads what the store holds of a key and adopts it. One read of a key at a time. */
  read(key: TokenKey): Promise<CachedRecord | undefined>;
  /** Puts in force what the store holds of a key. */
  adopt(key: TokenKey, document: KeyDocument): CachedRecord | undefined;
  /** Puts a held record back that is newer than the stored one, and returns whether it has. */
  restoreNewer(key: TokenKey, document: KeyDocument): Promise<boolean>;
}
