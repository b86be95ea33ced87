// @ts-check
// What is not part of the package: parts of its core that are measured alone, and servers that tests start.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} path from the top of the repository
 * @returns {Promise<any>}
 */
export async function importTypeScript(path) {
  const isPackage = (/** @type {string} */ specifier) => !/^[./]/.test(specifier);
  const bundle = await rolldown({ input: join(root, path), cwd: root, platform: 'node', external: isPackage });
  // Within the repository, so that its packages are found.
  const directory = mkdtempSync(join(root, 'node_modules', '.bench-'));
  try {
    const file = join(directory, 'bundle.mjs');
    await bundle.write({ file, format: 'esm' });
    return await import(pathToFileURL(file).href);
  } finally {
    await bundle.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
