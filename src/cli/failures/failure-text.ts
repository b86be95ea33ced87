import { isError, memberOf } from '../../core/primitives/foreign-objects.js';
import { onOneLine } from '../../core/primitives/redact.js';

const CODE = /^[A-Z][A-Z0-9_]{1,40}$/;

/**
 * Returns the message of an error on one line. An error without a message is described by its name and code, so that no
 * failure is silent.
 */
export function failureText(error: unknown): string {
  if (!isError(error)) return 'a value that is not an error was thrown';
  const said = onOneLine(String(memberOf(error, 'message') ?? ''));
  if (said !== '') return said;
  const code = codeOf(error);
  const name = String(memberOf(error, 'name') || 'Error');
  return `it failed without a message (${onOneLine(code === undefined ? name : `${name}, ${code}`)})`;
}

/** Returns the code of an error or of a nested one: an attempt at several addresses wraps the error of each. */
function codeOf(error: unknown): string | undefined {
  const code = memberOf(error, 'code');
  if (typeof code === 'string' && CODE.test(code)) return code;
  const inner = memberOf(error, 'cause') ?? (memberOf(error, 'errors') as unknown[] | undefined)?.[0];
  return isError(inner) ? codeOf(inner) : undefined;
}
