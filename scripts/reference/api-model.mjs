// @ts-check
// This module reads the public interface as data: the doc models of all entry points, which API Extractor creates from
// the built declarations.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CompilerState, Extractor, ExtractorConfig } from '@microsoft/api-extractor';
import { ApiPackage } from '@microsoft/api-extractor-model';

/** @typedef {{ items: readonly import('@microsoft/api-extractor-model').ApiItem[] }} EntryPoint */

/**
 * Reads the items of every entry point in the order of `exports` of package.json.
 *
 * @param {string} root
 * @param {Record<string, string | { types: string }>} exports
 * @returns {EntryPoint[]}
 */
export function readEntryPoints(root, exports) {
  const folder = mkdtempSync(join(tmpdir(), 'reference-'));
  try {
    const entries = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [] : [resolve(root, target.types)],
    );
    const configs = entries.map((types, index) => configOf(root, types, join(folder, `${index}.api.json`)));
    const [first] = configs;
    if (first === undefined) return [];
    // All entry points share one program, because reading the declarations takes longer than the rest.
    const compilerState = CompilerState.create(first, { additionalEntryPoints: entries });
    return configs.map((config) => {
      extract(config, compilerState);
      const [entry] = ApiPackage.loadFromJsonFile(config.apiJsonFilePath).entryPoints;
      return { items: entry?.members ?? [] };
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} root
 * @param {string} types
 * @param {string} apiJsonFilePath
 */
function configOf(root, types, apiJsonFilePath) {
  const configPath = join(root, 'api-extractor.json');
  const configObject = ExtractorConfig.loadFile(configPath);
  configObject.mainEntryPointFilePath = types;
  configObject.apiReport = { enabled: false };
  configObject.docModel = { enabled: true, apiJsonFilePath };
  return ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: configPath,
    packageJsonFullPath: join(root, 'package.json'),
  });
}

/**
 * Creates the model of an entry point. It reports only broken comments, because the check `api` reports everything else.
 *
 * @param {ExtractorConfig} config
 * @param {CompilerState} compilerState
 */
function extract(config, compilerState) {
  /** @type {string[]} */
  const problems = [];
  Extractor.invoke(config, {
    compilerState,
    localBuild: true,
    messageCallback(message) {
      message.handled = true;
      if (message.category === 'TSDoc' || message.category === 'Compiler') problems.push(message.text);
    },
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
}
