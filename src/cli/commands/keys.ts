import { existsSync, statSync } from 'node:fs';
import { systemClock } from '../../core/concurrency/clock.js';
import { memberOf } from '../../core/primitives/foreign-objects.js';
import { describeName, describeWord, onOneLine } from '../../core/primitives/redact.js';
import {
  type ApiKey,
  createApiKey,
  keyIdOf,
  MAX_PER_SECOND,
  MIN_PER_SECOND,
  SCOPES,
  type Scope,
} from '../../http/access/api-key.js';
import { KeysFile } from '../../http/access/keys-file.js';
import { appendKey, removeKey as removeKeyFrom } from '../../http/access/keys-file-change.js';
import type { CommandCall } from '../args/command.js';
import { durationIn } from '../args/duration.js';
import { flagOf } from '../args/option.js';
import type { GivenValue, OptionValues } from '../args/option-values.js';
import { APPID, EXPIRES, JSON_OUTPUT, NOTE, PATH, PER_SECOND, SCOPE } from '../args/options.js';
import { assertDirectoryOf, assertNoSecret, assertReadableFile, troubleWith } from '../args/readable-file.js';
import { KEYS } from '../args/serve-flags.js';
import { asUsage, UsageError } from '../failures/usage-error.js';

/** Adds a key and prints it. It is shown only this once, and not stored. */
export async function addKey({ options, io }: CommandCall): Promise<number> {
  const path = pathIn(options);
  const appids = options.list(APPID).map(({ text }) => text);
  const paths = options.list(PATH).map(({ text }) => text);
  const perSecond = options.number(PER_SECOND, MIN_PER_SECOND, MAX_PER_SECOND);
  const note = options.text(NOTE);
  const expiresAt = expiresAtIn(options, systemClock.now());
  const isNew = !existsSync(path);
  const { key, entry } = asUsage(
    () =>
      createApiKey({
        scopes: scopesIn(options),
        ...(appids.length > 0 && { appids }),
        ...(paths.length > 0 && { paths }),
        ...(perSecond !== undefined && { perSecond }),
        ...(note !== undefined && { note }),
        ...(expiresAt !== undefined && { expiresAt }),
      }),
    (message) => message.replace(/^paths/, flagOf(PATH)),
  );
  changing(path, () => appendKey(path, entry));
  if (options.isSet(JSON_OUTPUT)) io.stdout.write(`${JSON.stringify({ key, ...shownOf(entry) })}\n`);
  else {
    io.stdout.write(`${key}\n`);
    io.stderr.write(`added to ${path}, which stores only its hash: it cannot be shown again\n`);
    if (isNew && process.geteuid?.() === 0) io.stderr.write(`${readersOf(path)}\n`);
  }
  return 0;
}

export async function listKeys({ options, io }: CommandCall): Promise<number> {
  const keys = new KeysFile(readablePathIn(options), systemClock).current();
  const lines = keys.map((entry) =>
    options.isSet(JSON_OUTPUT) ? JSON.stringify(shownOf(entry)) : lineOf(entry, systemClock.now()),
  );
  io.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return 0;
}

export async function removeKey({ operands, options, io }: CommandCall): Promise<number> {
  const path = readablePathIn(options);
  const named = operands[0] ?? '';
  const id = keyIdOf(named) ?? named;
  const ids = changing(path, () => removeKeyFrom(path, id));
  if (!ids.includes(id)) throw new UsageError(noSuchKey(path, ids));
  io.stdout.write(`${options.isSet(JSON_OUTPUT) ? JSON.stringify({ id }) : `removed ${id}`}\n`);
  return 0;
}

function noSuchKey(path: string, ids: readonly string[]): string {
  return `${path} has no key with this id${ids.length === 0 ? '' : `, only ${ids.join(', ')}`}`;
}

function fileIn(options: OptionValues): GivenValue {
  const given = options.given(KEYS);
  if (given === undefined) throw new UsageError('name the file of keys with --keys');
  return given;
}

function pathIn(options: OptionValues): string {
  const file = fileIn(options);
  assertNoSecret(file);
  assertDirectoryOf(file);
  return file.text;
}

function readablePathIn(options: OptionValues): string {
  const file = fileIn(options);
  assertReadableFile(file);
  return file.text;
}

function expiresAtIn(options: OptionValues, now: number): number | undefined {
  const given = options.given(EXPIRES);
  if (given === undefined) return undefined;
  const duration = durationIn(given.text);
  if (duration !== undefined) return now + duration;
  throw new UsageError(`${given.source} must be a duration like 90d, 12h, 30m or 45s, got ${describeWord(given.text)}`);
}

/** Returns the scopes of a new key; `read` by default. */
function scopesIn(options: OptionValues): readonly Scope[] {
  const given = options.list(SCOPE).map(({ source, text }) => {
    if (SCOPES.includes(text as Scope)) return text as Scope;
    const several = text.includes(',') ? `; for several, give ${source} several times` : '';
    throw new UsageError(`${source} must be one of ${SCOPES.join(', ')}, got ${describeName(text)}${several}`);
  });
  return given.length === 0 ? ['read'] : [...new Set(given)];
}

/**
 * Changes the file of keys.
 *
 * @throws UsageError naming the reason if the system does not permit the change.
 */
function changing<Result>(path: string, change: () => Result): Result {
  try {
    return change();
  } catch (error) {
    if (memberOf(error, 'syscall') === undefined) throw error;
    throw new UsageError(`${path} cannot be changed: ${troubleWith(error)}`);
  }
}

/** Returns a note on who can read a file that root has created, since the server usually runs as another user. */
function readersOf(path: string): string {
  const { mode, uid, gid } = statSync(path);
  const advice = 'to change that, give the file another owner, group or mode, which it keeps from then on';
  if ((mode & 0o004) !== 0) return `every user can read it, since its directory is open to every user: ${advice}`;
  if ((mode & 0o040) !== 0)
    return `like its directory it belongs to the user ${uid} and the group ${gid}, which can read it: ${advice}`;
  return `like its directory it belongs to the user ${uid}, who alone can read it: ${advice}`;
}

/** Returns an entry without its hash, which only the server needs. */
function shownOf({ hash: _hash, ...entry }: ApiKey): Omit<ApiKey, 'hash'> {
  return entry;
}

function lineOf({ id, scopes, appids, paths, perSecond, note, createdAt, expiresAt }: ApiKey, now: number): string {
  const facts = [
    id,
    scopes.join(','),
    appids === undefined ? 'all apps' : appids.join(','),
    paths === undefined ? '' : paths.join(','),
    perSecond === undefined ? '' : `${perSecond} a second`,
    createdAt === undefined ? '' : `made ${dayOf(createdAt)}`,
    expiresAt === undefined ? '' : `${now < expiresAt ? 'expires' : 'expired'} ${dayOf(expiresAt)}`,
    note === undefined ? '' : onOneLine(note),
  ];
  return facts.filter((fact) => fact !== '').join('  ');
}

function dayOf(instant: number): string {
  return new Date(instant).toISOString().slice(0, 10);
}
