import { BlockList, isIP } from 'node:net';
import { hostIn, isLocalhost } from '../../../http/access/host-names.js';
import type { ServeOptions } from '../../args/serve-options.js';
import { UsageError } from '../../failures/usage-error.js';

/** Says which requests are let in: `loopback` stands for those of programs on this machine. */
export type AccessMode = 'keys' | 'keys, trust' | 'trust' | 'anonymous' | 'loopback';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * @throws UsageError when others than this machine could connect, and nothing says who may do so.
 */
export function accessMode({ keys, trust, anonymous, host }: ServeOptions): AccessMode {
  if (anonymous) return 'anonymous';
  if (keys !== undefined) return trust.length > 0 ? 'keys, trust' : 'keys';
  if (trust.length > 0) return 'trust';
  if (isLoopback(host)) return 'loopback';
  throw new UsageError(
    `--host ${host} can be reached by other machines: add --keys <file> or --trust <network>, or --anonymous to let everybody in`,
  );
}

/**
 * Returns whether a request's `Host` is a name of this machine that only it can use. A page whose own name leads to 127.0.0.1
 * passes for one of this server; its requests still carry that name.
 */
export function namesLoopback(header: string | undefined): boolean {
  return header === undefined || isLoopback(hostIn(header));
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return isLocalhost(host);
  return LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4');
}
