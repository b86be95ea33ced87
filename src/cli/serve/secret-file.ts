import { readWholeFile } from '../readable-file.js';
import { UsageError } from '../usage-error.js';

/**
 * The secrets in a file, one on each line. Empty lines and those that begin with `#` do not count.
 *
 * @throws UsageError naming the option and the path.
 */
export function readSecrets(option: string, path: string): readonly string[] {
  const lines = readWholeFile({ source: option, text: path })
    .split(/\r?\n/)
    .map((line) => line.trim());
  const secrets = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (secrets.length === 0) throw new UsageError(`${option}: ${path} holds no key`);
  return secrets;
}
