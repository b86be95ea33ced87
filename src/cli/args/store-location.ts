import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeWord } from '../../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../../core/primitives/stray-characters.js';
import { asUsage, UsageError } from '../failures/usage-error.js';
import type { GivenValue } from './option-values.js';
import { assertDirectory, assertNoDirectory } from './readable-file.js';
import { assertParameters, type ServerKind, serverUrl } from './store-url.js';

export interface DirectoryLocation {
  readonly kind: 'directory';
  readonly path: string;
  /** The name of the store in logs and error messages. */
  readonly shown: string;
}

export interface SqliteLocation {
  readonly kind: 'sqlite';
  readonly path: string;
  /** The name of the table. */
  readonly name: string | undefined;
  readonly shown: string;
}

export interface ServerLocation<Kind extends ServerKind = ServerKind> {
  readonly kind: Kind;
  /** The URL for the driver, without the parameters of this package. */
  readonly url: URL;
  /** The prefix of the keys in Redis, or the name of the table. */
  readonly name: string | undefined;
  /** The address of the server, without user and password. */
  readonly shown: string;
  /** Whether the given text contains a password, which has to be hidden from other users. */
  readonly isSecret: boolean;
}

/** The location of everything that a server stores. */
export type StoreLocation = DirectoryLocation | SqlLocation | ServerLocation<'redis'>;
export type SqlLocation = SqliteLocation | ServerLocation<'postgres' | 'mysql'>;

const SERVERS: ReadonlyMap<string, ServerKind> = new Map([
  ['redis', 'redis'],
  ['rediss', 'redis'],
  ['valkey', 'redis'],
  ['valkeys', 'redis'],
  ['postgres', 'postgres'],
  ['postgresql', 'postgres'],
  ['mysql', 'mysql'],
  ['mariadb', 'mysql'],
]);
const SQLITE = 'sqlite';
const KNOWN = [...SERVERS.keys(), SQLITE].map((scheme) => `${scheme}:`).join(', ');
/** The scheme of a URL. It has at least two letters, since one letter and a colon are a drive on Windows. */
const SCHEME = /^([a-z][a-z0-9+.-]+):/i;
/** A name that may be a mistyped URL with a password: a colon before an at sign, and no drive, `.` or `/` in front. */
const PASSWORD_AT_HOST = /^(?![./\\~]|[a-z]:[\\/]).*:.*@/is;

/**
 * Returns the location that `--store` names.
 *
 * @throws UsageError that shows nothing of a URL.
 */
export function storeLocation(given: GivenValue): StoreLocation {
  const { source, text } = given;
  // A URL in quotation marks, as an env file may hold it, would otherwise be taken for a directory of that name.
  if (text.includes('://')) asUsage(() => assertNoStrayCharacter(source, text));
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    if (PASSWORD_AT_HOST.test(text)) throw unknownLocation(source, 'a URL without a scheme');
    return directoryLocation(given);
  }
  if (scheme === SQLITE) return sqliteLocation(given);
  const kind = SERVERS.get(scheme);
  if (kind === undefined) throw unknownLocation(source, describeWord(`${scheme}:`));
  return serverLocation(given, kind, scheme);
}

function unknownLocation(source: string, got: string): UsageError {
  return new UsageError(
    `${source} must be a directory (with ./ before a name that has a colon) or a URL of ${KNOWN}; got ${got}`,
  );
}

function directoryLocation(given: GivenValue): DirectoryLocation {
  assertWorkingDirectory(given);
  assertDirectory(given);
  return { kind: 'directory', path: given.text, shown: given.text };
}

/**
 * Asserts that a relative path can be resolved.
 *
 * @throws UsageError if the working directory of this process has been removed.
 */
function assertWorkingDirectory({ source, text }: GivenValue): void {
  if (isAbsolute(text)) return;
  try {
    process.cwd();
  } catch {
    throw new UsageError(
      `${source}: the working directory has been removed: change to one that exists, or give an absolute path`,
    );
  }
}

function sqliteLocation({ source, text }: GivenValue): SqliteLocation {
  const [before = '', query = ''] = text.slice(SQLITE.length + 1).split('?', 2);
  const parameters = new URLSearchParams(query);
  assertParameters(source, parameters, ['table'], 'SQLite');
  if (!before.startsWith('//')) assertWorkingDirectory({ source, text: before });
  const path = sqlitePath(source, before);
  assertNoDirectory({ source, text: path });
  return { kind: 'sqlite', path, name: parameters.get('table') ?? undefined, shown: `${SQLITE}:${path}` };
}

function sqlitePath(source: string, text: string): string {
  if (text !== '' && !text.startsWith('//') && !text.startsWith(':')) return resolve(text);
  if (/^\/\/\/[^/]/.test(text)) {
    try {
      return fileURLToPath(`file:${text}`);
    } catch {
      // The error below describes the problem.
    }
  }
  throw new UsageError(`${source} must name the SQLite file: sqlite:./tokens.db, or sqlite:///var/lib/tokens.db`);
}

function serverLocation(given: GivenValue, kind: ServerKind, scheme: string): ServerLocation {
  const { url, name, isSecret } = serverUrl(given, kind);
  return { kind, url, name, isSecret, shown: `${scheme}://${url.host}${url.pathname.replace(/^\/$/, '')}` };
}
