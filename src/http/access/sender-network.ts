import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { HttpRequest } from '../messages/http-message.js';
import { peerNetwork } from './peer-network.js';

/** The ranges of addresses that are not those of senders from the internet, but may be those of a proxy in front of the server. */
const INNER_RANGES: ReadonlySet<string> = new Set(['loopback', 'private', 'uniqueLocal', 'linkLocal']);

/**
 * Returns the network that counts as one sender; `''` if it is unknown. Behind a proxy the connection is the proxy's, and the
 * last address in `X-Forwarded-For` is the one that the proxy has seen. It is believed for nothing but a limit, and only from an
 * address of the own network, which no sender from the internet has.
 */
export function senderNetwork(request: Pick<HttpRequest, 'peer' | 'header'>): string {
  const peer = peerNetwork(request.peer);
  if (!isInner(request.peer)) return peer;
  const forwarded = request.header('x-forwarded-for')?.split(',').at(-1)?.trim();
  return peerNetwork(forwarded) || peer;
}

/** Returns whether a peer has an address of the own network, or none, as on a Unix socket. */
function isInner(peer: string | undefined): boolean {
  const address = (peer ?? '').replace(/%.*$/s, '');
  return isIP(address) === 0 || INNER_RANGES.has(ipaddr.process(address).range());
}
