import { UsageError } from '../failures/usage-error.js';
import type { GivenValue } from './option-values.js';

export interface ServerUrl {
  /** The URL without the parameters of this package. */
  readonly url: URL;
  readonly name: string | undefined;
  readonly isSecret: boolean;
}

export type ServerKind = 'redis' | 'postgres' | 'mysql';

const EXAMPLES: Readonly<Record<ServerKind, string>> = {
  redis: 'redis://:password@127.0.0.1:6379',
  postgres: 'postgres://user:password@127.0.0.1:5432/database',
  mysql: 'mysql://user:password@127.0.0.1:3306/database',
};
const ENCODE = 'a name or password with one of / ? # @ % has to be percent-encoded';

/** The parameters that the MySQL driver would otherwise read from the query. They belong into other parts of the URL. */
const BESIDE_THE_QUERY = ['host', 'port', 'user', 'password', 'database', 'uri'];

/**
 * Parses the URL of a database.
 *
 * @throws UsageError that shows no part of the URL: what looks like a host or a path may be a part of a password.
 */
export function serverUrl({ source, text }: GivenValue, kind: ServerKind): ServerUrl {
  const refuse = (why: string): UsageError => new UsageError(`${source} must be a URL like ${EXAMPLES[kind]}: ${why}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^[a-z]+:\/\//i.test(text)) throw refuse(ENCODE);
  if (!isWellEncoded(url)) throw refuse(ENCODE);
  if (kind === 'redis') assertRedis(url, refuse);
  if (kind === 'mysql') assertMysql(url, refuse);
  const own = kind === 'redis' ? 'prefix' : 'table';
  if (kind === 'redis') assertParameters(source, url.searchParams, [own], 'Redis');
  else if (url.searchParams.has('prefix')) throw refuse('the parameter prefix is for Redis; use table instead');
  const name = url.searchParams.get(own) ?? undefined;
  if (name !== undefined) url.searchParams.delete(own);
  const isSecret = url.password !== '' || [...url.searchParams.keys()].some((key) => /pass/i.test(key));
  return { url, name, isSecret };
}

/** Returns the host in the form that drivers expect: decoded, and an IPv6 address without its brackets. */
export function hostIn({ hostname }: URL): string {
  return decodeURIComponent(hostname.replace(/^\[(.*)\]$/, '$1'));
}

/**
 * Asserts that all parameters are known.
 *
 * @throws UsageError for an unknown one, which would have no effect.
 */
export function assertParameters(
  source: string,
  parameters: URLSearchParams,
  known: readonly string[],
  what: string,
): void {
  if ([...parameters.keys()].every((key) => known.includes(key))) return;
  throw new UsageError(`${source}: a URL of ${what} accepts no parameter except ${known.join(' and ')}`);
}

/**
 * Returns whether the special characters of a URL are percent-encoded. The parser splits a password with plain ones, so
 * that its rest ends up in the path or the query.
 */
function isWellEncoded(url: URL): boolean {
  if (url.hash !== '' || url.pathname.includes('@')) return false;
  if (url.username === '' && url.password === '' && url.search.includes('@')) return false;
  try {
    // The decoded text is used because a bundler may remove a call whose result is unused, and with it the error for
    // malformed encoding.
    const parts = [url.username, url.password, url.hostname, url.pathname];
    return parts.every((part) => decodeURIComponent(part).length <= part.length);
  } catch {
    return false;
  }
}

function assertRedis({ hostname, username, password, pathname }: URL, refuse: (why: string) => UsageError): void {
  if (hostname === '') throw refuse('it has no host');
  if (username !== '' && password === '') throw refuse('a password follows a colon, even without a user name');
  if (!/^(\/\d{0,5})?$/.test(pathname)) throw refuse('its path can only be the number of a database');
}

function assertMysql({ hostname, pathname, searchParams }: URL, refuse: (why: string) => UsageError): void {
  if (hostname === '') throw refuse('it has no host');
  if (!/^\/[^/]+$/.test(pathname)) throw refuse('its path must be the name of a database');
  const idle = BESIDE_THE_QUERY.find((name) => searchParams.has(name));
  if (idle !== undefined) throw refuse(`the parameter ${idle} would have no effect: it belongs before the query`);
  if (![...searchParams.keys()].some((key) => /^(ssl-?mode|tls|use-?ssl)$/i.test(key))) return;
  throw refuse('TLS is enabled with ssl=true');
}
