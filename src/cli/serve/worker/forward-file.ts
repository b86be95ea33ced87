import { isJsonObject } from '../../../core/primitives/json.js';
import type { HandlerOptions } from '../../../http/index.js';
import { readWholeFile } from '../../args/readable-file.js';
import { UsageError } from '../../failures/usage-error.js';

const EXAMPLE = '{"rules":[{"msgType":"text","url":"https://..."}]}';

/**
 * Returns the rules in a file, which `createHandler` checks.
 *
 * @throws UsageError naming the option, for a file that is not of the expected form. The URLs in it may hold secrets, so that
 *   nothing of it is shown.
 */
export function readForwardRules(option: string, path: string): NonNullable<HandlerOptions['forward']> {
  const text = readWholeFile({ source: option, text: path });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new UsageError(`${option}: ${path} is not JSON like ${EXAMPLE}`);
  }
  const { rules, ...others } = isJsonObject(document) ? document : {};
  if (Array.isArray(rules) && Object.keys(others).length === 0) return rules;
  throw new UsageError(`${option}: ${path} must contain an object with rules alone, like ${EXAMPLE}`);
}

/** Rewords a message of the library about the rules for a file: the index of a rule becomes its number. */
export function wordsOfForwardFile(message: string, option: string): string {
  return message
    .replace(/^forward\[(\d+)\](?:\.(\w+))?/, (_all, index: string, field?: string) => {
      return `${option}: ${field === undefined ? '' : `${field} of `}rule ${Number(index) + 1}`;
    })
    .replace(/^forward\b/, `${option}: rules`);
}
