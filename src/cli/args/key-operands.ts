import { assertAppid, assertSubject, assertTypeName } from '../../core/model/token-key.js';
import { asUsage, UsageError } from '../failures/usage-error.js';
import type { OptionValues } from './option-values.js';
import { SUBJECT } from './options.js';

/** Whom a command is about, checked before a server is asked. */
export interface KeyOperands {
  readonly appid: string;
  readonly type: string | undefined;
  readonly subject: string | undefined;
}

/**
 * @throws UsageError naming what is wrong.
 */
export function keyOperands([appid, type]: readonly string[], options: OptionValues): KeyOperands {
  const subject = options.text(SUBJECT);
  asUsage(() => assertAppid(appid));
  if (type !== undefined) checkedType(type);
  asUsage(() => assertSubject(subject));
  assertNoDots(appid as string, 'appid');
  return { appid: appid as string, type, subject };
}

/**
 * @throws UsageError naming what a type must be.
 */
export function checkedType(type: string): string {
  asUsage(() => assertTypeName(type));
  assertNoDots(type, 'type');
  return type;
}

/** Refuses `.` and `..`, which would lead elsewhere in a URL. */
function assertNoDots(name: string, what: string): void {
  if (name === '.' || name === '..') throw new UsageError(`${what} cannot be ${name}`);
}
