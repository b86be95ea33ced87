// @ts-check
// This plugin embeds the status page into the server, which sends it as one answer and reads nothing from disk while it
// runs. In the bundle and in the tests it replaces the declarations in src/http/page/page-source.ts by the texts of the
// files in src/page, whose script it bundles from TypeScript.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const folder = fileURLToPath(new URL('../src/page/', import.meta.url));
const TARGET = /[\\/]src[\\/]http[\\/]page[\\/]page-source\.ts$/;

/** @returns {import('rolldown').Plugin} */
export function embedPage() {
  return {
    name: 'embed-page',
    async load(id) {
      if (!TARGET.test(id)) return null;
      const { code, files } = await bundleScript();
      const texts = {
        PAGE_HTML: readFileSync(`${folder}status-page.html`, 'utf8'),
        PAGE_CSS: readFileSync(`${folder}status-page.css`, 'utf8'),
        PAGE_SCRIPT: code,
      };
      for (const file of [...files, `${folder}status-page.html`, `${folder}status-page.css`]) this.addWatchFile(file);
      return Object.entries(texts)
        .map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`)
        .join('');
    },
  };
}

async function bundleScript() {
  const bundle = await rolldown({ input: `${folder}main.ts`, platform: 'browser' });
  const { output } = await bundle.generate({ format: 'iife', minify: true });
  const files = await bundle.watchFiles;
  await bundle.close();
  return { code: output[0].code, files };
}
