import type { LookupAddress } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import type { buildConnector } from 'undici';
import { refusalOfAddress } from './address-policy.js';
import type { Lookup } from './host-lookups.js';

/** Reports that a host has an address that may not be called. */
export class AddressRefused extends Error {
  override readonly name: string = 'AddressRefused';
  /** The kind of the refused address, such as `link-local`. */
  readonly kind: string;

  constructor(kind: string) {
    super(`${kind} addresses are refused`);
    this.kind = kind;
  }
}

export interface GuardedConnectorOptions {
  /** The connector of undici. It is injected because undici is loaded lazily. */
  readonly build: typeof buildConnector;
  readonly lookup: Lookup;
  readonly publicOnly: boolean;
  /** The signal that aborts every attempt to connect; there is no other time limit. */
  readonly signal: AbortSignal;
}

/**
 * Returns a connector for undici that connects only to addresses that may be called. If one address of a host may not be
 * called, the whole host is refused with {@link AddressRefused}.
 */
export function createGuardedConnector(options: GuardedConnectorOptions): buildConnector.connector {
  return (target, callback) => {
    void open(target, options).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

/** The time after which the next address is tried as well. Node's default of 250 ms is too short for distant hosts. */
const NEXT_ADDRESS_AFTER_MS = 1_000;

async function open(target: buildConnector.Options, options: GuardedConnectorOptions): Promise<Socket> {
  const { build, publicOnly, signal } = options;
  const addresses = await resolveOnce(target.hostname, options);
  for (const { address } of addresses) assertMayBeCalled(address, publicOnly);
  const connect = build({
    // This returns the addresses that were just checked, so that no second look-up can yield others. For an IP address it
    // is not called.
    lookup: (_host, _options, answer) => answer(null, [...addresses]),
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER_MS,
    timeout: 0,
    maxCachedSessions: 0,
    signal,
  });
  const socket = await connectWith(connect, target);
  try {
    if (socket.remoteAddress === undefined) throw new Error('The connection was closed at once');
    assertMayBeCalled(socket.remoteAddress, publicOnly);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function resolveOnce(
  host: string,
  { lookup, signal }: GuardedConnectorOptions,
): Promise<readonly LookupAddress[]> {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  const aborted = rejectionOnAbort(signal);
  const addresses = await Promise.race([lookup(host, signal), aborted]);
  if (addresses.length === 0) throw new Error('The name has no address');
  return addresses;
}

function connectWith(connect: buildConnector.connector, target: buildConnector.Options): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect(target, (error, socket) => (error === null ? resolve(socket) : reject(error)));
  });
}

function assertMayBeCalled(address: string, publicOnly: boolean): void {
  const kind = refusalOfAddress(address, { publicOnly });
  if (kind !== undefined) throw new AddressRefused(kind);
}

/**
 * Returns a promise that rejects on abort. It does not use the signal's reason, which need not be an error, because
 * undici reads the code of the error.
 */
function rejectionOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(new Error('The request has ended'));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
