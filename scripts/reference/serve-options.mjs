// @ts-check
// The options of `wechat-token-manager serve`, from the list that the command itself parses and helps by.
import { importTypeScript } from '../../bench/import-typescript.mjs';

/**
 * @typedef {object} ServeOption
 * @property {string} name
 * @property {string | undefined} value
 * @property {string | undefined} fallback
 * @property {string | undefined} variable
 * @property {string} help
 */

/** @returns {Promise<ServeOption[]>} */
export async function readServeOptions() {
  const { SERVE_OPTIONS } = await importTypeScript('src/cli/args/options.ts');
  const { variableOf } = await importTypeScript('src/cli/args/option.ts');
  return SERVE_OPTIONS.map((/** @type {ServeOption} */ option) => ({ ...option, variable: variableOf(option) }));
}
