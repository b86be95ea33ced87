import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../../../src', import.meta.url));
const STATIC_IMPORT = /^(?:import|export)(?! type\b)[^'";]*?from '([^']+)'|^import '([^']+)'/gm;

/** Everything that is loaded with a file: files from `src` on, and packages. */
function loadedWith(file: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, from, bare] of readFileSync(join(SRC, file), 'utf8').matchAll(STATIC_IMPORT)) {
    const specifier = from ?? bare ?? '';
    if (specifier.startsWith('.')) loadedWith(join(dirname(file), specifier).replace(/\.js$/, '.ts'), found);
    else found.add(specifier);
  }
  return found;
}

it('the process that listens loads neither the manager nor what it needs', () => {
  const loaded = [...loadedWith('cli/commands/serve.ts'), ...loadedWith('cli/main.ts')];
  expect(loaded).toContain('cli/serve/primary/primary.ts');
  expect(loaded.filter((name) => /^(token-manager\.ts|stores\/.*|http\/index\.ts|undici|p-retry)$/.test(name))).toEqual(
    [],
  );
});

it('the process that answers loads the manager and the handler', () => {
  expect([...loadedWith('cli/serve/worker/worker.ts')]).toEqual(
    expect.arrayContaining(['token-manager.ts', 'http/handler.ts']),
  );
});
