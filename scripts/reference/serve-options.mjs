// @ts-check
// This module reads the options of `wechat-token-manager serve` from the list that the command itself uses for parsing
// and help.
import { join } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * @typedef {object} ServeOption
 * @property {string} name
 * @property {string | undefined} value
 * @property {string | undefined} fallback
 * @property {string | undefined} variable
 * @property {string} help
 */

/**
 * @param {string} root
 * @returns {Promise<ServeOption[]>}
 */
export async function readServeOptions(root) {
  const { SERVE_OPTIONS } = await load(join(root, 'src/cli/args/serve-flags.ts'));
  const { variableOf } = await load(join(root, 'src/cli/args/option.ts'));
  return SERVE_OPTIONS.map((/** @type {ServeOption} */ option) => ({ ...option, variable: variableOf(option) }));
}

/**
 * Loads a TypeScript module that imports only types, without writing a file, because other checks read the sources at the
 * same time.
 *
 * @param {string} path
 * @returns {Promise<any>}
 */
async function load(path) {
  const bundle = await rolldown({ input: path, platform: 'node' });
  const { output } = await bundle.generate({ format: 'esm' });
  await bundle.close();
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
