import { describeKind } from '../../../core/primitives/redact.js';

/**
 * Checks the URL under which browsers reach the routes, and returns it without a slash at its end.
 *
 * @throws TypeError that names the option and shows nothing of a URL with a password.
 */
export function checkedPublicUrl(publicUrl: unknown): string {
  const url = webUrl(publicUrl);
  if (url !== undefined && url.search === '' && url.hash === '') return url.href.replace(/\/$/, '');
  const got = typeof publicUrl === 'string' ? 'another text' : describeKind(publicUrl);
  throw new TypeError(`publicUrl must be an http or https URL without credentials, query and fragment, got ${got}`);
}

/**
 * Checks the URL of the page to which merchants are sent at the end.
 *
 * @throws TypeError that names the option.
 */
export function checkedReturnUrl(returnUrl: unknown): string {
  const url = webUrl(returnUrl);
  if (url !== undefined) return url.href;
  const got = typeof returnUrl === 'string' ? 'another text' : describeKind(returnUrl);
  throw new TypeError(`returnUrl must be an http or https URL without credentials, got ${got}`);
}

function webUrl(text: unknown): URL | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const hasCredentials = url.username !== '' || url.password !== '';
  return /^https?:$/.test(url.protocol) && !hasCredentials ? url : undefined;
}
