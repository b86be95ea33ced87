import { BlockList, isIP } from 'node:net';
import { hostIn, isLocalhost } from '../../../http/access/host-names.js';
import type { ServeOptions } from '../../args/serve-options.js';
import { UsageError } from '../../failures/usage-error.js';

/** The rule by which requests are let in. `loopback` stands for requests of programs on this machine. */
export type AccessMode = 'keys' | 'keys, trust' | 'trust' | 'anonymous' | 'loopback';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Returns the access mode that the options select.
 *
 * @throws UsageError when other machines could connect, and no option says which of them may.
 */
export function accessMode({ keys, trust, anonymous, host }: ServeOptions): AccessMode {
  if (anonymous) return 'anonymous';
  if (keys !== undefined) return trust.length > 0 ? 'keys, trust' : 'keys';
  if (trust.length > 0) return 'trust';
  if (isLoopback(host)) return 'loopback';
  throw new UsageError(
    `--host ${host} can be reached by other machines: add --keys <file> or --trust <network>, or --anonymous to allow access without a key`,
  );
}

/**
 * Returns whether the `Host` of a request is a loopback name. A page whose domain resolves to 127.0.0.1 counts as
 * same-origin in a browser, but its requests carry its own name.
 */
export function namesLoopback(header: string | undefined): boolean {
  return header === undefined || isLoopback(hostIn(header));
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return isLocalhost(host);
  return LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4');
}
