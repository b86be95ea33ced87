import { link, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, removeFile, syncDirectory } from './durable-file.js';
import { inStore, type StoreOwner } from './store-owner.js';

/**
 * Files of one directory that are called `<prefix><number><suffix>`. The one with the highest number is current. The next
 * one is appended by `link`, which, unlike `rename`, fails if another process was faster.
 */
export interface NumberedFiles {
  readonly prefix: string;
  readonly suffix: string;
  /**
   * The number of files that are kept, those with the highest numbers. If fewer files than this are above a number, the
   * number cannot have been used and removed before, so that a writer that has just linked it knows that no other was
   * faster.
   */
  readonly kept: number;
}

export const VERSIONS: NumberedFiles = { prefix: 'v', suffix: '.json', kept: 3 };
export const LEASES: NumberedFiles = { prefix: 'lease-', suffix: '', kept: 1 };

const DIGITS = 16;

export function numberedName(series: NumberedFiles, number: number): string {
  return series.prefix + String(number).padStart(DIGITS, '0') + series.suffix;
}

/** Returns the highest number among the names; 0 if there is none. */
export function highestNumber(series: NumberedFiles, names: readonly string[]): number {
  let highest = 0;
  for (const name of names) highest = Math.max(highest, numberOf(series, name));
  return highest;
}

/** Returns the names that may be removed once there is a file with this number. */
export function supersededNames(series: NumberedFiles, names: readonly string[], number: number): string[] {
  return names.filter((name) => {
    const other = numberOf(series, name);
    return other > 0 && other <= number - series.kept;
  });
}

/** Returns the names in a directory; none if it does not exist. */
export async function readNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

export interface AppendOptions {
  /** Whether the file must survive a power failure when the promise resolves. */
  readonly durable: boolean;
  /** Returns whether another file was appended to this one. Without it, a superseded file counts as lost. */
  readonly isBuiltOn?: () => Promise<boolean>;
  /** The owner of `temporary`. */
  readonly owner?: StoreOwner | undefined;
}

/**
 * Makes the file `temporary` current as `number`.
 *
 * @returns the names in the directory; `undefined` if another process was faster.
 */
export async function appendNumbered(
  directory: string,
  series: NumberedFiles,
  number: number,
  temporary: string,
  options: AppendOptions,
): Promise<string[] | undefined> {
  const path = join(directory, numberedName(series, number));
  try {
    await inStore(options.owner, path, (inside) => link(temporary, inside));
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return undefined;
    throw error;
  }
  const [names] = await Promise.all([readdir(directory), options.durable ? syncDirectory(directory) : undefined]);
  if (highestNumber(series, names) < number + series.kept) return names;
  // If the writer stalled before `link`, its number had been used and removed, and the write has lost. If it stalled
  // after `link`, its file was current and has then been superseded, which `isBuiltOn` tells.
  if (await options.isBuiltOn?.()) return names;
  await removeFile(path);
  return undefined;
}

/** Returns the number in a name; 0 if the name does not belong to the series. */
function numberOf(series: NumberedFiles, name: string): number {
  if (!name.startsWith(series.prefix) || !name.endsWith(series.suffix)) return 0;
  const digits = name.slice(series.prefix.length, name.length - series.suffix.length);
  if (digits.length !== DIGITS || !/^[0-9]+$/.test(digits)) return 0;
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : 0;
}
