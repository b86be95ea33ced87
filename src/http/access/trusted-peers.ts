import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { mapMembers } from '../../core/primitives/assert-options.js';
import { describeWord } from '../../core/primitives/redact.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [address: Address, prefix: number];

const NETWORK = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/;
const DOTTED_END = /[\d.]+\.[\d.]+$/;
/** The prefix length of ::ffff:0:0/96, which represents all of IPv4. */
const MAPPED_PREFIX = 96;

/** Holds the addresses whose connections may read and register without a key. */
export class TrustedPeers {
  readonly #networks: readonly Network[];

  /** @throws TypeError naming what the entries must be and the given value. */
  constructor(trust: unknown) {
    this.#networks = mapMembers(trust, 'trust', networkOf);
  }

  /**
   * Returns whether an address is trusted.
   *
   * @param peer - the remote address of a socket, which a Unix socket does not have.
   */
  has(peer: string | undefined): boolean {
    const address = peer === undefined ? undefined : addressOf(peer.replace(/%.*$/s, ''));
    if (address === undefined) return false;
    const [judged] = withoutMapping([address, address.toByteArray().length * 8]);
    return this.#networks.some((network) => network[0].kind() === judged.kind() && judged.match(network));
  }
}

function networkOf(text: unknown): Network {
  const [, start = '', prefix] = (typeof text === 'string' && NETWORK.exec(text)) || [];
  const address = addressOf(start);
  const bits = (address?.toByteArray().length ?? 0) * 8;
  const length = prefix === undefined ? bits : Number(prefix);
  // An entry like 10.1.2.3/8 may be meant as one address, but would trust sixteen million.
  if (address === undefined || length > bits || hasBitsAfter(address, length)) {
    throw new TypeError(
      `trust must contain addresses, and networks like 10.0.0.0/8 without bits after the prefix, got ${describeWord(text)}`,
    );
  }
  return withoutMapping([address, length]);
}

/**
 * Parses an address. The check of the form comes first because ipaddr.js also accepts 010.0.0.1 and 127.1, which parsers
 * read in different ways.
 */
function addressOf(text: string): Address | undefined {
  const version = isIP(text);
  if (version === 0) return undefined;
  return ipaddr.parse(version === 6 ? text.replace(DOTTED_END, inGroups) : text);
}

/** Converts a dotted end to groups, because ipaddr.js takes ::1.2.3.4 for ::ffff:1.2.3.4 and would judge it as IPv4. */
function inGroups(dotted: string): string {
  const [first = 0, second = 0] = ipaddr.IPv4.parse(dotted).toIPv4MappedAddress().parts.slice(-2);
  return `${first.toString(16)}:${second.toString(16)}`;
}

function hasBitsAfter(address: Address, length: number): boolean {
  return address.toByteArray().some((byte, index) => {
    const fixedBits = Math.min(8, Math.max(0, length - index * 8));
    return (byte & (0xff >> fixedBits)) !== 0;
  });
}

/** Undoes the mapping of IPv4 addresses, because sockets that listen on :: report an IPv4 peer as ::ffff:1.2.3.4. */
function withoutMapping([address, prefix]: Network): Network {
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress();
  return isMapped ? [address.toIPv4Address(), prefix - MAPPED_PREFIX] : [address, prefix];
}
