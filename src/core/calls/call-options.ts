import { MAX_TIMEOUT_MS } from '../model/options.js';
import { assertFunction, assertNumber, readFields } from '../primitives/assert-options.js';
import { isAbortSignal } from '../primitives/foreign-objects.js';
import { describeKind, describeNumber } from '../primitives/redact.js';
import type { IsStale } from './call.js';

/**
 * The option that names which of an app's tokens is meant.
 *
 * @public
 */
export interface SubjectOptions {
  /**
   * The `openid` or `authorizer_appid` that the token belongs to, if that is not the app itself.
   *
   * @bounds 1 to 128 printable ASCII characters without spaces
   */
  readonly subject?: string | undefined;
}

/**
 * The options by which a call limits its waiting.
 *
 * @public
 */
export interface WaitOptions extends SubjectOptions {
  /**
   * The longest time to wait.
   *
   * @defaultValue `timeoutMs` of the manager
   * @bounds 0 to 2,147,483,647 ms
   */
  readonly timeoutMs?: number;
  /**
   * Ends the waiting with the reason of the signal. The refresh, which other callers share, goes on.
   *
   * @bounds an `AbortSignal`
   */
  readonly signal?: AbortSignal;
}

/**
 * The options of `get` and `getRecord`.
 *
 * @public
 */
export interface GetOptions extends WaitOptions {
  /**
   * The wish for a token that has more than this time left. It starts at most one refresh of a key in 30 s, and fewer where no
   * token grants it; where it cannot be had, the token that lives longest is returned.
   *
   * @defaultValue 0 ms
   * @bounds 0 ms or more
   */
  readonly minValidityMs?: number;
}

/**
 * The options of `refresh`: exactly one of `stale` and `force`. `stale` is the value that was seen rejected: it is replaced only
 * if it still is the current one. `force` replaces the current value, whatever it is.
 *
 * @public
 */
export type RefreshCallOptions = WaitOptions &
  (
    | {
        /** The value that was seen rejected: it is replaced only if it still is the current one. */
        readonly stale: string;
        readonly force?: never;
      }
    | {
        /** Replaces the current value, whatever it is. */
        readonly force: true;
        readonly stale?: never;
      }
  );

/**
 * The options of `call`.
 *
 * @public
 */
export interface CallOptions extends WaitOptions {
  /**
   * Replaces the rule by which an outcome means that the token was stale.
   *
   * By default it is stale when WeChat's `errcode` is 40001, 40014 or 42001, as a number or as text. It is looked for at the
   * top level of the result, of its `data` and of its `body`; in a thrown error and its causes, where `code` counts too, also
   * in `response` and there in `data` and `body`. Each of them may be parsed, or text, bytes or a `Blob` of at most 64 KiB
   * that begin with `{`, after a byte order mark and white space. The failure of a manager to get another token does not count.
   *
   * A `Response` of any package and type but streams of events is looked at when its body is unused and at most 64 KiB long
   * (16 KiB with node-fetch), for 5 s at most; the body can be read afterwards. Other streams are not read.
   *
   * @defaultValue `errcode` 40001, 40014 or 42001
   * @bounds a function of `{ result }` or `{ error }`
   */
  readonly isStale?: IsStale;
}

const WHAT = 'the options of this call';

/**
 * Returns a copy of options that contain only a subject, which is read once.
 *
 * @throws TypeError for any other option.
 */
export function readSubject(options: SubjectOptions): SubjectOptions {
  return readFields<SubjectOptions>(options, ['subject'], WHAT);
}

/**
 * Returns a copy of the options of `get`. Each is read once.
 *
 * @throws TypeError that names an option that is unknown or cannot be read.
 */
export function readGetOptions(options: GetOptions): GetOptions {
  return readFields<GetOptions>(options, ['subject', 'minValidityMs', 'timeoutMs', 'signal'], WHAT);
}

/**
 * Returns a copy of the options of `call`. Each is read once.
 *
 * @throws TypeError naming the option.
 */
export function readCallOptions(options: CallOptions): CallOptions {
  const fields = readFields<CallOptions>(options, ['subject', 'timeoutMs', 'signal', 'isStale'], WHAT);
  assertFunction('isStale', fields.isStale);
  return fields;
}

/**
 * Returns a copy of the options of `refresh`. Each is read once.
 *
 * @throws TypeError unless exactly one of `stale` and `force` is given, with a valid value.
 */
export function readRefreshOptions(options: RefreshCallOptions): RefreshCallOptions {
  type Fields = WaitOptions & { readonly stale?: string; readonly force?: true };
  const fields = readFields<Fields>(options, ['subject', 'timeoutMs', 'signal', 'stale', 'force'], WHAT);
  assertStaleOrForce(fields);
  return fields as RefreshCallOptions;
}

function assertStaleOrForce({ stale, force }: { readonly stale?: unknown; readonly force?: unknown }): void {
  if ((stale === undefined) === (force === undefined)) {
    throw new TypeError(
      `refresh takes exactly one of stale and force, got ${stale === undefined ? 'neither' : 'both'}`,
    );
  }
  if (force !== undefined && force !== true) throw new TypeError(`force must be true, got ${describeNumber(force)}`);
  if (stale !== undefined && (typeof stale !== 'string' || stale === '')) {
    throw new TypeError(`stale must be the token that was rejected, got ${describeKind(stale)}`);
  }
}

/**
 * Checks the options that limit the wait of a call.
 *
 * @throws TypeError that names the option.
 */
export function assertWait(timeoutMs: unknown, signal: unknown): void {
  if (timeoutMs !== undefined) assertNumber('timeoutMs', timeoutMs, 0, MAX_TIMEOUT_MS);
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new TypeError(`signal must be an AbortSignal, got ${describeKind(signal)}`);
  }
}
