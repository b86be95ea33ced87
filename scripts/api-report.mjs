// @ts-check
// This script makes changes of the public interface visible in reviews: it compares every entry point with its report in
// etc/ and fails on a difference. `--local` writes the reports anew.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
const local = process.argv.includes('--local');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const configPath = join(root, 'api-extractor.json');

mkdirSync(join(root, 'etc'), { recursive: true });

const reports = new Set();
let failed = 0;

for (const [subpath, target] of Object.entries(manifest.exports)) {
  if (typeof target === 'string') continue;
  const name = subpath === '.' ? manifest.name : subpath.slice(2).replaceAll('/', '-');
  reports.add(`${name}.api.md`);
  if (!report(name, subpath, target.types)) failed += 1;
}

for (const file of readdirSync(join(root, 'etc'))) {
  if (!file.endsWith('.api.md') || reports.has(file)) continue;
  console.error(`etc/${file} belongs to no entry point of package.json.`);
  failed += 1;
}

process.exitCode = failed === 0 ? 0 : 1;

/**
 * @param {string} name
 * @param {string} subpath
 * @param {string} types
 */
function report(name, subpath, types) {
  const configObject = ExtractorConfig.loadFile(configPath);
  configObject.mainEntryPointFilePath = resolve(root, types);
  configObject.apiReport = { enabled: true, ...configObject.apiReport, reportFileName: name };
  if (subpath !== '.') allowForgottenExports(configObject);
  const config = ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: configPath,
    packageJsonFullPath: join(root, 'package.json'),
  });
  const result = Extractor.invoke(config, {
    localBuild: local,
    messageCallback(message) {
      // Messages about the bundled compiler and the configuration of the report are not findings.
      if (message.category === 'console' && message.logLevel !== 'error') message.handled = true;
    },
  });
  if (result.apiReportChanged) {
    console.error(
      local
        ? `etc/${name}.api.md was updated.`
        : `etc/${name}.api.md no longer describes '${subpath}': run "npm run api -- --local" and review the diff.`,
    );
  }
  console.log(`${result.succeeded ? 'ok' : 'FAILED'}  ${subpath}  etc/${name}.api.md`);
  return result.succeeded;
}

/**
 * Permits a subpath to mention types of '.', which users import from there.
 *
 * @param {import('@microsoft/api-extractor').IConfigFile} configObject
 */
function allowForgottenExports(configObject) {
  const messages = configObject.messages?.extractorMessageReporting;
  if (messages === undefined) return;
  const none = /** @type {import('@microsoft/api-extractor').ExtractorLogLevel} */ ('none');
  messages['ae-forgotten-export'] = { logLevel: none };
}
