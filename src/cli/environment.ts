import type { CommandSpec } from './command.js';
import { suggestion } from './nearest.js';
import { KEY_VARIABLE, SECRET_VARIABLE, VARIABLE_PREFIX, variableOf } from './option.js';

/** What to say of variables that look like ours and are not; `undefined` when there are none. */
export function unknownVariables(env: NodeJS.ProcessEnv, commands: readonly CommandSpec[]): string | undefined {
  const known = new Set([KEY_VARIABLE, SECRET_VARIABLE]);
  for (const option of commands.flatMap(({ options }) => options)) {
    const variable = variableOf(option);
    if (variable !== undefined) known.add(variable);
  }
  const unknown = Object.keys(env).filter((name) => name.startsWith(VARIABLE_PREFIX) && !known.has(name));
  if (unknown.length === 0) return undefined;
  const named = unknown.map((name) => `${name}${suggestion(name, known, VARIABLE_PREFIX)}`);
  return `no option has the variable ${named.join(', ')}`;
}
