import { TokenError } from '../model/errors.js';
import type { RateLimit } from '../model/refresher.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Records } from '../records/records.js';
import type { CountedLimits } from '../store/counted-limits.js';
import type { KeyDocument } from '../store/key-document.js';
import { type Done, done } from './outcome.js';
import type { Flight } from './single-flight.js';

/** The name of the limit, which no refresher can give to a limit of its own. */
const REPORTS = '~reports';
const BETWEEN_REPORTS_MS = 30_000;
/** The limit of fetches that stale reports and force may cause, however many are made. */
const REPORT_LIMIT: RateLimit = { everyMs: BETWEEN_REPORTS_MS, perDay: 20 };

/** Returns whether a stale report of the key may cause no fetch yet, because one, or force, has drawn on the limit just now. */
export async function isJustReported(key: TokenKey, countedLimits: CountedLimits): Promise<boolean> {
  return !(await countedLimits.isFree(key, REPORTS, { everyMs: BETWEEN_REPORTS_MS }));
}

/** Limits the fetches that stale reports and force cause in the whole fleet. */
export class ReportLimit {
  readonly #countedLimits: CountedLimits;
  readonly #records: Records;

  constructor(countedLimits: CountedLimits, records: Records) {
    this.#countedLimits = countedLimits;
    this.#records = records;
  }

  /**
   * Draws one unit from the limit if the flight needs it, once in a refresh.
   *
   * @returns the current record if a report may not cause a fetch now, else `undefined`.
   * @throws a `TokenError` with code `QUOTA_EXHAUSTED` if force may not.
   */
  async draw(
    { key, reason }: Flight<CachedRecord>,
    document: KeyDocument,
    progress: { isAllowed: boolean },
  ): Promise<Done | undefined> {
    const { grant } = document;
    if (progress.isAllowed) return undefined;
    if (reason !== 'stale' && reason !== 'forced') return undefined;
    if (reason === 'stale' && (grant === undefined || !this.#records.isUsableGrant(key, grant))) return undefined;
    const allowance = await this.#countedLimits.draw(key, REPORTS, REPORT_LIMIT);
    progress.isAllowed = allowance.granted;
    if (allowance.granted) return undefined;
    if (reason === 'stale' && grant !== undefined) {
      return done(this.#records.adopt(key, document, grant, { source: 'store', announceFirst: false }));
    }
    throw new TokenError('QUOTA_EXHAUSTED', 'the number of forced refreshes and stale reports is limited', {
      ...key,
      retryAt: allowance.retryAt,
      retryable: true,
    });
  }
}
