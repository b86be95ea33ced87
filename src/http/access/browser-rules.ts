import type { HostNames } from './host-names.js';
import type { Refusal } from './refusal.js';

/** The header that the status page sends with every request. A page of another origin would need a preflight to send it. */
const PAGE_HEADER = 'x-wechat-tokens-page';

/** The headers of a request that tell whether a browser sends it, and for which page. */
export interface BrowserHeaders {
  readonly host: string | undefined;
  /** Returns the value of a header; the name is in lower case. */
  header(name: string): string | undefined;
}

/** The end of the agent of Hutool, a library for Java whose requests have all headers of a browser's by default. */
const NO_BROWSER = ' Hutool';

const FOREIGN_HOST: Refusal = {
  status: 403,
  reason: 'browser',
  message: 'a request from a browser must use the address of this server, or a name given with --host-name (hostNames)',
};
const FOREIGN_PAGE: Refusal = {
  status: 403,
  reason: 'browser',
  message: "this request from a browser requires an API key, since it does not come from this server's own status page",
};

/**
 * Returns the refusal for a browser's request without a key; `undefined` if it is permitted. A browser sends requests for
 * any page that its user visits, and a page whose name leads to this server could read the answers.
 *
 * @param reads - whether the request reads and changes nothing.
 */
export function refusalOfBrowser(request: BrowserHeaders, reads: boolean, names: HostNames): Refusal | undefined {
  if (!isFromBrowser(request)) return undefined;
  if (!names.has(request.host)) return FOREIGN_HOST;
  return isOwnPage(request) || (reads && isTypedIn(request)) ? undefined : FOREIGN_PAGE;
}

/**
 * Returns whether a browser has sent the request. Over plain HTTP to a name, Chromium sends no `Sec-Fetch-Site`, and for
 * an image no `Origin`. A browser-like `User-Agent` alone proves nothing, since many programs send one.
 */
export function isFromBrowser(request: BrowserHeaders): boolean {
  const has = (name: string): boolean => request.header(name) !== undefined;
  if (has('sec-fetch-site') || has('origin')) return true;
  const agent = request.header('user-agent') ?? '';
  if (!agent.startsWith('Mozilla/') || agent.endsWith(NO_BROWSER)) return false;
  return has('accept-language') || has('upgrade-insecure-requests');
}

/** Returns whether the request comes from a page of this server. */
function isOwnPage(request: BrowserHeaders): boolean {
  const site = request.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = request.header('origin');
  if (origin === undefined) return request.header(PAGE_HEADER) !== undefined;
  if (!URL.canParse(origin)) return false;
  const { protocol, host: ofPage } = new URL(origin);
  const own = `${protocol}//${request.host}`;
  return URL.canParse(own) && ofPage !== '' && new URL(own).host === ofPage;
}

/**
 * Returns whether the user has entered the address or opened a bookmark, so that no page sees the answer. A prefetch is
 * excluded: Chromium also makes one for the speculation rules of a page of another site, and sends `none` for it.
 */
function isTypedIn(request: BrowserHeaders): boolean {
  if (request.header('sec-purpose') !== undefined) return false;
  return request.header('sec-fetch-site') === 'none' && request.header('sec-fetch-mode') === 'navigate';
}
