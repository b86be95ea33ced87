import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

export interface AddressPolicy {
  /** Whether private and loopback addresses are refused too. */
  readonly publicOnly: boolean;
}

/**
 * The addresses of services that hand credentials of the machine to any caller on it. Some of them lie in ranges that may
 * otherwise be called.
 */
const METADATA: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '100.100.100.200',
  '168.63.129.16', // Azure: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  'fd00:ec2::254',
  'fd20:ce::254', // Google: https://cloud.google.com/compute/docs/metadata/querying-metadata
]);

/** The kinds that refusals name, by the names of the ranges in ipaddr.js. A range that is in neither table is reserved. */
const NEVER_CALLED: ReadonlyMap<string, string> = new Map([
  ['linkLocal', 'link-local'],
  ['multicast', 'multicast'],
  ['broadcast', 'broadcast'],
  ['unspecified', 'unspecified'],
]);
const NOT_PUBLIC: ReadonlyMap<string, string> = new Map([
  ['private', 'private'],
  ['uniqueLocal', 'private'],
  ['carrierGradeNat', 'carrier-grade-nat'],
  ['loopback', 'loopback'],
]);

/** The only range of IPv6 that has been assigned to the public internet: https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

interface Embedding {
  readonly prefix: [ipaddr.IPv6, number];
  /** The byte at which the IPv4 address begins. */
  readonly at: number;
  /** Whether its bits are inverted. */
  readonly isInverted: boolean;
}

/**
 * The IPv6 ranges whose addresses embed an IPv4 address. The local prefix of NAT64, 64:ff9b:1::/48, is not among them,
 * because its operator chooses where in the address the IPv4 address lies.
 */
const EMBEDDINGS: readonly Embedding[] = [
  embedding('::/96', 12),
  embedding('::ffff:0:0/96', 12),
  embedding('::ffff:0:0:0/96', 12),
  embedding('64:ff9b::/96', 12),
  embedding('2002::/16', 2),
  // Teredo addresses hold the address of the server, and then that of the client with its bits inverted.
  embedding('2001::/32', 4),
  embedding('2001::/32', 12, true),
];

/** Returns the kind of an address that may not be called, such as `link-local`; `undefined` when it may. */
export function refusalOfAddress(address: string, policy: AddressPolicy): string | undefined {
  const parsed = parse(address);
  if (parsed === undefined) return 'malformed';
  if (!(parsed instanceof ipaddr.IPv6)) return refusal(parsed, policy);
  const inside = addressesInside(parsed);
  if (inside.length === 0) return refusal(parsed, policy);
  return inside.map((address4) => refusal(address4, policy)).find((kind) => kind !== undefined);
}

/**
 * Parses an address. The check of the form comes first because ipaddr.js also accepts 010.0.0.1 and 127.1, which parsers
 * read in different ways.
 */
function parse(address: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (isIP(address) === 0) return undefined;
  const withoutZone = address.replace(/%.*$/s, '');
  return ipaddr.isValid(withoutZone) ? ipaddr.parse(withoutZone) : undefined;
}

function refusal(address: ipaddr.IPv4 | ipaddr.IPv6, { publicOnly }: AddressPolicy): string | undefined {
  if (METADATA.has(address.toString())) return 'metadata';
  const range = address.range();
  const local = NOT_PUBLIC.get(range);
  if (local !== undefined) return publicOnly ? local : undefined;
  const isGlobal = range === 'unicast' && (address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST));
  return isGlobal ? undefined : (NEVER_CALLED.get(range) ?? 'reserved');
}

function addressesInside(address: ipaddr.IPv6): ipaddr.IPv4[] {
  if (['unspecified', 'loopback'].includes(address.range())) return [];
  const bytes = address.toByteArray();
  return EMBEDDINGS.filter(({ prefix }) => address.match(prefix)).map(({ at, isInverted }) => {
    const octets = bytes.slice(at, at + 4);
    return new ipaddr.IPv4(isInverted ? octets.map((octet) => octet ^ 0xff) : octets);
  });
}

function embedding(prefix: string, at: number, isInverted = false): Embedding {
  return { prefix: ipaddr.IPv6.parseCIDR(prefix), at, isInverted };
}
