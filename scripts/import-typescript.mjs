// @ts-check
// This module imports TypeScript that is not part of the package: parts of its core that are measured alone, and modules
// with which tests start processes.
import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} path from the top of the repository
 * @returns {Promise<any>}
 */
export async function importTypeScript(path) {
  const source = join(root, path);
  const isPackage = (/** @type {string} */ specifier) => !/^[./]/.test(specifier);
  const bundle = await rolldown({ input: source, cwd: root, platform: 'node', external: isPackage });
  // The file is written beside its source, so that paths relative to `import.meta.url` lead to the neighbours of the source.
  const file = join(dirname(source), `.bench-${process.pid}-${basename(path, '.ts')}.mjs`);
  try {
    await bundle.write({ file, format: 'esm' });
    return await import(pathToFileURL(file).href);
  } finally {
    await bundle.close();
    rmSync(file, { force: true });
  }
}
