import type { Engine } from '../../core/engine/engine.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import type { PlatformApi } from '../authorizations/platform-api.js';
import { failureReason } from '../failures/failure-reason.js';
import { StoredWork } from '../work/stored-work.js';
import { AnswerSender } from './answer-sender.js';
import { type CheckCodeKey, CheckDocuments } from './check-documents.js';
import { ReleaseCheck } from './release-check.js';

/** The maximum delay of a retry: WeChat's check waits for minutes at most. */
const MAX_RETRY_MS = 30_000;
const MAX_REPORTED = 1_000;

/**
 * Creates what answers WeChat's check of the platforms of a manager, and begins what is owed to it.
 *
 * @param onError - receives why a message was not sent: after the first failure, and when it is given up.
 */
export function releaseCheckOf(engine: Engine, api: PlatformApi, onError: (error: Error) => void): ReleaseCheck {
  const { clock, refreshes } = engine;
  const documents = new CheckDocuments(engine.store, engine.reader, () => clock.now());
  const work = refreshes ? workOf(engine, documents, api, onError) : undefined;
  work?.startAfter(engine.opened());
  return new ReleaseCheck({ documents, work, clock });
}

function workOf(
  { clock, closing }: Engine,
  documents: CheckDocuments,
  api: PlatformApi,
  onError: (error: Error) => void,
): StoredWork<CheckCodeKey> {
  const reported = boundedCache<string, boolean>(MAX_REPORTED);
  const nameOf = ({ component, authorizer, codeHash }: CheckCodeKey): string =>
    `${component}/${authorizer}/${codeHash}`;
  const failed = (key: CheckCodeKey, error: unknown): void => {
    if (reported.get(nameOf(key)) === true) return;
    reported.set(nameOf(key), true);
    const reason = failureReason(error);
    onError(new Error(`${messageOf(key)} before its release is not sent yet, and is retried: ${reason}`));
  };
  const givenUp = (key: CheckCodeKey, reason: string): void => {
    onError(new Error(`${messageOf(key)} before its release was not sent: ${reason}`));
  };
  const sender = new AnswerSender({ documents, api, clock, givenUp });
  return new StoredWork({
    documents,
    clock,
    closing,
    maxRetryMs: MAX_RETRY_MS,
    nameOf,
    work: (key) => sender.send(key),
    failed,
  });
}

function messageOf({ component, authorizer }: CheckCodeKey): string {
  return `the message of ${authorizer} by which WeChat checks ${component}`;
}
