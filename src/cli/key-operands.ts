import { assertAppid, assertSubject, assertTypeName } from '../core/token-key.js';
import type { OptionValues } from './option-values.js';
import { SUBJECT } from './options.js';
import { UsageError } from './usage-error.js';

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
  checked(() => assertAppid(appid));
  if (type !== undefined) checkedType(type);
  checked(() => assertSubject(subject));
  assertNoDots(appid as string, 'appid');
  return { appid: appid as string, type, subject };
}

/**
 * @throws UsageError naming what a type must be.
 */
export function checkedType(type: string): string {
  checked(() => assertTypeName(type));
  assertNoDots(type, 'type');
  return type;
}

function checked(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** In a URL they would lead elsewhere. */
function assertNoDots(name: string, what: string): void {
  if (name === '.' || name === '..') throw new UsageError(`${what} cannot be ${name}`);
}
