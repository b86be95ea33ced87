import { isIP } from 'node:net';
import { mapMembers } from '../../core/primitives/assert-options.js';
import { describeName } from '../../core/primitives/redact.js';

const NAME = /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/**
 * Knows the names by which a server may be called. IP addresses and `localhost` are always allowed, because no page can
 * make them lead elsewhere. Any other name must be configured, because its owner can make it lead to this server.
 */
export class HostNames {
  readonly #given: ReadonlySet<string>;

  /** @throws TypeError naming what the entries must be and the given value. */
  constructor(hostNames: unknown) {
    this.#given = new Set(mapMembers(hostNames, 'hostNames', checkedName));
  }

  /** Returns whether any name was configured. */
  get areGiven(): boolean {
    return this.#given.size > 0;
  }

  /**
   * Returns whether a host is among the names.
   *
   * @param host - the value of a `Host` header, with or without a port.
   */
  has(host: string | undefined): boolean {
    if (host === undefined) return false;
    const name = hostIn(host);
    return isIP(name) !== 0 || isLocalhost(name) || this.#given.has(normalized(name));
  }
}

/** Returns the host in a `Host` header, without the port and the brackets of an IPv6 address. */
export function hostIn(header: string): string {
  return header.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Returns whether the host is `localhost` or a name below it, all of which lead to the caller's own machine. */
export function isLocalhost(host: string): boolean {
  return /^(?:[\w-]+\.)*localhost\.?$/i.test(host);
}

function checkedName(text: unknown): string {
  const name = typeof text === 'string' ? normalized(text) : '';
  if (NAME.test(name)) return name;
  throw new TypeError(
    `hostNames must contain names like tokens.example.com, without scheme and port, got ${describeName(text)}`,
  );
}

function normalized(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
