// @ts-check
// Every entry point of package.json becomes one readable file, and what several of them share or load on demand a chunk
// beside it: importing ninety small files one after the other costs twice the time. For the declarations see public-declarations.mjs.
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
// npm does it for what it installs; this is for who runs the built file.
for (const command of commands) chmodSync(join(root, command), 0o755);

// Two classes of one name would be told apart by a suffix that users see in stack traces and in `inspect`.
for (const file of output) {
  const renamed = file.type === 'chunk' ? /\bclass \w+\$\d+/.exec(file.code) : null;
  if (renamed !== null) throw new Error(`${file.fileName}: ${renamed[0]} was renamed, so two classes have one name`);
}
