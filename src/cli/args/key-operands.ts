import { TypeNumbers } from '../../callbacks/contract-type-numbers.js';
import { assertAppid, assertSubject, assertTypeName } from '../../core/model/token-key.js';
import { asUsage, UsageError } from '../failures/usage-error.js';
import type { OptionValues } from './option-values.js';
import { SUBJECT } from './options.js';

/** The app or token that a command is about, validated before a request is sent. */
export interface KeyOperands {
  readonly appid: string;
  readonly type: string | undefined;
  readonly subject: string | undefined;
}

const NUMBERS = new TypeNumbers(false);

/**
 * Validates the operands, and returns the key that they name. A type may be given by its number in the scheduler contract.
 *
 * @throws UsageError naming what is wrong.
 */
export function keyOperands([appid, typeOrNumber]: readonly string[], options: OptionValues): KeyOperands {
  const subject = options.text(SUBJECT);
  asUsage(() => assertAppid(appid));
  const type = typeOrNumber === undefined ? undefined : checkedType(NUMBERS.name(typeOrNumber) ?? typeOrNumber);
  asUsage(() => assertSubject(subject));
  assertNoDots(appid as string, 'appid');
  return { appid: appid as string, type, subject };
}

/**
 * Returns the appid of an account that has authorized a platform, if it is valid.
 *
 * @throws UsageError naming what it must be.
 */
export function checkedAccount(account: string): string {
  asUsage(() => assertAppid(account));
  assertNoDots(account, 'account');
  return account;
}

/**
 * Returns the type if it is valid.
 *
 * @throws UsageError naming what a type must be.
 */
export function checkedType(type: string): string {
  asUsage(() => assertTypeName(type));
  assertNoDots(type, 'type');
  return type;
}

/** Refuses `.` and `..`, which would change the path of a URL. */
function assertNoDots(name: string, what: string): void {
  if (name === '.' || name === '..') throw new UsageError(`${what} cannot be ${name}`);
}
