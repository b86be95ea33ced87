import { isError, memberOf } from '../../core/primitives/foreign-objects.js';
import { onOneLine } from '../../core/primitives/redact.js';

const CODE = /^[A-Z][A-Z0-9_]{1,40}$/;

/** Returns what an error says, on one line. One without a message is told by its name and code: no failure is silent. */
export function failureText(error: unknown): string {
  if (!isError(error)) return 'something that is no error was thrown';
  const said = onOneLine(String(memberOf(error, 'message') ?? ''));
  if (said !== '') return said;
  const code = codeOf(error);
  const name = String(memberOf(error, 'name') || 'Error');
  return `it failed without a message (${onOneLine(code === undefined ? name : `${name}, ${code}`)})`;
}

/** Returns the code of an error, or of one inside it: an attempt at several addresses has its reasons there. */
function codeOf(error: unknown): string | undefined {
  const code = memberOf(error, 'code');
  if (typeof code === 'string' && CODE.test(code)) return code;
  const inner = memberOf(error, 'cause') ?? (memberOf(error, 'errors') as unknown[] | undefined)?.[0];
  return isError(inner) ? codeOf(inner) : undefined;
}
