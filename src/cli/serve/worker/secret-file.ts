import { readWholeFile } from '../../args/readable-file.js';
import { UsageError } from '../../failures/usage-error.js';

/**
 * Rewords a message of the library about an array for a file: the index becomes the number of the key, and only the text
 * forms of a key remain.
 */
export function wordsOfFile(message: string): string {
  return message
    .replace(/\bkeys\[(\d+)\]/g, (_, index: string) => `key ${Number(index) + 1}`)
    .replace(/as a Uint8Array(?:,| or) /, '');
}

/**
 * Returns the secrets in a file, one on each line. Empty lines and those that begin with `#` are skipped.
 *
 * @throws UsageError naming the option and the path.
 */
export function readSecrets(option: string, path: string): readonly string[] {
  const lines = readWholeFile({ source: option, text: path })
    .split(/\r?\n/)
    .map((line) => line.trim());
  const secrets = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (secrets.length === 0) throw new UsageError(`${option}: ${path} contains no key`);
  return secrets;
}
