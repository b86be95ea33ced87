import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

const HOST_BITS_IN_BYTES = 8;

/**
 * Returns the address range that counts as one peer: an IPv4 address, or the /64 of an IPv6 address, which usually
 * belongs to one customer; `''` for connections without an address.
 *
 * @param peer - the remote address of a socket.
 */
export function peerNetwork(peer: string | undefined): string {
  const text = (peer ?? '').replace(/%.*$/s, '');
  const version = isIP(text);
  if (version !== 6) return version === 4 ? text : '';
  const address = ipaddr.IPv6.parse(text);
  if (address.isIPv4MappedAddress()) return address.toIPv4Address().toString();
  const network = [...address.toByteArray().slice(0, HOST_BITS_IN_BYTES), ...Array(HOST_BITS_IN_BYTES).fill(0)];
  return `${ipaddr.fromByteArray(network)}/64`;
}
