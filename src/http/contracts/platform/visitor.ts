import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { peerNetwork } from '../../access/peer-network.js';
import type { HttpRequest } from '../../messages/http-message.js';

export type Language = 'en' | 'zh';

/** The ranges of addresses that are not those of visitors from the internet, but may be those of a proxy in front of the server. */
const INNER_RANGES: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'linkLocal']);

/**
 * Returns the network that counts as one visitor; `''` if it is unknown. Behind a proxy the connection is the proxy's, and the
 * last address in `X-Forwarded-For` is the one that the proxy has seen. It is believed for nothing but a limit, and only from an
 * address of the own network, which no visitor from the internet has.
 */
export function networkOf(request: HttpRequest): string {
  const peer = peerNetwork(request.peer);
  if (!isInner(request.peer)) return peer;
  const forwarded = request.header('x-forwarded-for')?.split(',').at(-1)?.trim();
  return peerNetwork(forwarded) || peer;
}

/** Returns the value of a cookie; `undefined` if the request has none of this name. */
export function cookieOf(request: HttpRequest, name: string): string | undefined {
  const pairs = request.header('cookie')?.split(';') ?? [];
  return pairs
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}

/** Returns whether the browser is that of WeChat, in which no code has to be scanned. */
export function isInWeChat(request: HttpRequest): boolean {
  return request.header('user-agent')?.includes('MicroMessenger/') === true;
}

/** Returns the first of the visitor's languages in which there are pages, or English if there is none. */
export function languageOf(request: HttpRequest): Language {
  const names = request.header('accept-language')?.toLowerCase().split(',') ?? [];
  const known = names.map((name) => name.trim().slice(0, 2)).find((name) => name === 'zh' || name === 'en');
  return known === 'zh' ? 'zh' : 'en';
}

/**
 * Returns whether the visitor opens the page itself. A page of another site could otherwise make browsers request it as an image
 * or in a frame, each time with a new code.
 */
export function isOpened(request: HttpRequest): boolean {
  const [mode, destination] = [request.header('sec-fetch-mode'), request.header('sec-fetch-dest')];
  const isNavigation = (mode ?? 'navigate') === 'navigate' && (destination ?? 'document') === 'document';
  return isNavigation && !request.isHead && request.header('sec-purpose') === undefined;
}

/** Returns whether a peer has an address of the own network, or none, as on a Unix socket. */
function isInner(peer: string | undefined): boolean {
  const address = (peer ?? '').replace(/%.*$/s, '');
  return isIP(address) === 0 || INNER_RANGES.has(ipaddr.process(address).range());
}
