// @ts-check
// This script bundles every entry point of package.json into one readable file, and puts modules that several of them
// share or load on demand into chunks beside it. Importing ninety small files one after the other would take twice the
// time. For the declarations see public-declarations.mjs.
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { embedPage } from './embed-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @type {Record<string, string>} */
const input = {};
const commands = Object.values(manifest.bin);
const modules = Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [] : target.default));
for (const target of [...modules, ...commands]) {
  const name = target.replace(/^\.\/dist\//, '').replace(/\.js$/, '');
  input[name] = join(root, 'src', `${name}.ts`);
}

const isPackage = (/** @type {string} */ specifier) => !/^[./]/.test(specifier);
const bundle = await rolldown({ input, cwd: root, platform: 'node', external: isPackage, plugins: [embedPage()] });
const { output } = await bundle.write({
  dir: join(root, 'dist'),
  format: 'esm',
  chunkFileNames: 'chunks/[name].js',
  minifyInternalExports: false,
  comments: { legal: true, annotation: true, jsdoc: false },
});
await bundle.close();
// npm sets the mode of the files that it installs, but the built file may also be run directly.
for (const command of commands) chmodSync(join(root, command), 0o755);

// The bundler would rename one of two classes with the same name, and users would see its suffix in stack traces and in
// `inspect`.
for (const file of output) {
  const renamed = file.type === 'chunk' ? /\bclass \w+\$\d+/.exec(file.code) : null;
  if (renamed !== null) throw new Error(`${file.fileName}: ${renamed[0]} was renamed, so two classes have one name`);
}
