import { readFileSync } from 'node:fs';

/** As package.json has it, which is two folders above, be it from src/cli, dist/cli or dist/chunks. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
