import { isIP } from 'node:net';
import { mapMembers } from '../core/primitives/assert-options.js';
import { describeKind, describeName, describeWord } from '../core/primitives/redact.js';
import { refusalOfAddress } from './address-policy.js';

/**
 * The rules for which URLs may be called back. Link-local, metadata and other special addresses are always
 * refused.
 *
 * @public
 */
export interface CallbackRules {
  /**
   * Whether private and loopback addresses are refused too.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly publicOnly?: boolean | undefined;
  /**
   * The only hosts that may be called.
   *
   * @defaultValue any host
   * @bounds `example.com`, or `*.example.com` for every name below that; either with a port if only that one is meant
   */
  readonly allowHosts?: readonly string[] | undefined;
}

const MAX_LENGTH = 2_048;

/**
 * Checks all rules for a URL that need no look-up of its host.
 *
 * @throws TypeError that names the rule and at most the host, since the rest of the URL may hold secrets.
 */
export function parseCallbackUrl(text: unknown, rules: CallbackRules): URL {
  const { publicOnly = false, allowHosts } = rules;
  if (typeof text !== 'string') throw refused(`must be a string, got ${describeKind(text)}`);
  if (text.length > MAX_LENGTH) throw refused(`may have ${MAX_LENGTH} characters at most, got ${text.length}`);
  if (!URL.canParse(text)) throw refused('must be an absolute URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused('must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') throw refused(`must not contain credentials (host ${url.host})`);
  if (url.href.length > MAX_LENGTH) throw refused(`may have ${MAX_LENGTH} characters at most once it is encoded`);
  if (allowHosts !== undefined && !parseAllowHosts(allowHosts).some((pattern) => matches(pattern, url))) {
    throw refused(`must name one of the allowed hosts, not ${url.host}`);
  }
  const address = url.hostname.replace(/^\[|\]$/g, '');
  const kind = isIP(address) === 0 ? undefined : refusalOfAddress(address, { publicOnly });
  if (kind !== undefined) throw refused(`must not lead to ${url.host}: ${kind} addresses are refused`);
  return url;
}

/** @throws TypeError when a rule is invalid. */
export function assertCallbackRules({ publicOnly, allowHosts }: CallbackRules): void {
  if (publicOnly !== undefined && typeof publicOnly !== 'boolean') {
    throw new TypeError(`publicOnly must be a boolean, got ${describeWord(publicOnly)}`);
  }
  if (allowHosts !== undefined) parseAllowHosts(allowHosts);
}

interface HostPattern {
  readonly host: string;
  readonly isBelow: boolean;
  readonly port: number | undefined;
}

const HOST_PATTERN = /^(\*\.)?(\[[0-9a-f:.]+\]|[^\s:/?#@[\]\\*%]+)(?::(\d{1,5}))?$/i;

function parseAllowHosts(allowHosts: readonly string[]): readonly HostPattern[] {
  return mapMembers(allowHosts, 'allowHosts', (text, index) => {
    const [, wildcard, name = '', port] = (typeof text === 'string' && HOST_PATTERN.exec(text)) || [];
    const url = `http://${name}${port === undefined ? '' : `:${port}`}`;
    if (name === '' || !URL.canParse(url)) {
      throw new TypeError(
        `allowHosts[${index}] must be a host such as 'example.com', '*.example.com' or 'example.com:8080', ` +
          `got ${describeHost(text)}`,
      );
    }
    const host = withoutLastDot(new URL(url).hostname);
    return { host, isBelow: wildcard !== undefined, port: port === undefined ? undefined : Number(port) };
  });
}

/** Describes an entry for an error message, and hides one that may be a URL with a password. */
function describeHost(text: unknown): string {
  return typeof text === 'string' && text.includes('@') ? 'one with credentials' : describeName(text);
}

function matches({ host, isBelow, port }: HostPattern, url: URL): boolean {
  const name = withoutLastDot(url.hostname);
  if (isBelow ? !name.endsWith(`.${host}`) : name !== host) return false;
  return port === undefined || port === portOf(url);
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

function withoutLastDot(host: string): string {
  return host.replace(/\.$/, '');
}

function refused(rule: string): TypeError {
  return new TypeError(`A callback URL ${rule}`);
}
