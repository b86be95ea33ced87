import { UsageError } from '../failures/usage-error.js';
import type { OptionSpec } from './option.js';
import type { OptionValues } from './option-values.js';

const MAX_PORT = 65_535;
const HOST_NAME = /^[\w.:%-]{1,253}$/;

export function portOf(options: OptionValues, option: OptionSpec): number {
  return options.integer(option, 0, MAX_PORT);
}

export function hostOf(options: OptionValues, option: OptionSpec): string {
  const host = options.text(option) ?? '';
  if (HOST_NAME.test(host)) return host;
  throw new UsageError(`${options.sourceOf(option)} must be an address or the name of a host, without scheme and path`);
}
