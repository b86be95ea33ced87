import type { CommandSpec } from './command.js';
import { suggestion } from './nearest.js';
import {
  KEY_VARIABLE,
  PUSH_KEYS_VARIABLE,
  PUSH_TOKEN_VARIABLE,
  SECRET_VARIABLE,
  VARIABLE_PREFIX,
  variableOf,
} from './option.js';

const ADDRESS = /^(?:tcp|udp|sctp):\/\/\S+:\d{1,5}$/;

/**
 * The variables that Kubernetes adds to a container for each Service in its namespace, and Docker for each link. If the
 * name of the Service or link is `wechat-tokens`, or begins with it, the variables have our prefix.
 */
const SERVICE_LINKS: readonly (readonly [name: RegExp, value: RegExp])[] = [
  [/^(?:[A-Z0-9_]+_)?PORT$/, ADDRESS],
  [/^(?:[A-Z0-9_]+_)?PORT_\d+_(?:TCP|UDP|SCTP)$/, ADDRESS],
  [/^(?:[A-Z0-9_]+_)?PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR)$/, /^/],
  [/^(?:[A-Z0-9_]+_)?SERVICE_HOST$/, /^/],
  [/^(?:[A-Z0-9_]+_)?SERVICE_PORT(?:_[A-Z0-9_]+)?$/, /^\d{1,5}$/],
  [/^(?:[A-Z0-9_]+_)?NAME$/, /^\/\S+\/\S+$/],
];

/** Returns whether the platform of the container has set the variable for a Service or a link. */
function isServiceLink(name: string, value = ''): boolean {
  if (!name.startsWith(VARIABLE_PREFIX)) return false;
  const rest = name.slice(VARIABLE_PREFIX.length);
  return SERVICE_LINKS.some(([names, values]) => names.test(rest) && values.test(value));
}

/** Returns the environment without the variables of Services and links. */
export function withoutServiceLinks(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => !isServiceLink(name, value)));
}

/** Returns the warning about variables that are ignored because they look like those of a Service; `undefined` without any. */
export function serviceLinkWarning(env: NodeJS.ProcessEnv): string | undefined {
  const names = Object.keys(env).filter((name) => isServiceLink(name, env[name]));
  if (names.length === 0) return undefined;
  return `${names.toSorted().join(', ')}: ignored, since they look like the variables that Kubernetes sets for a Service; enableServiceLinks: false in the Pod omits them`;
}

/** Returns the warning about variables with our prefix that are no options; `undefined` without any. */
export function unknownVariables(env: NodeJS.ProcessEnv, commands: readonly CommandSpec[]): string | undefined {
  const known = new Set([KEY_VARIABLE, SECRET_VARIABLE, PUSH_TOKEN_VARIABLE, PUSH_KEYS_VARIABLE]);
  for (const option of commands.flatMap(({ options }) => options)) {
    const variable = variableOf(option);
    if (variable !== undefined) known.add(variable);
  }
  const unknown = Object.keys(env).filter((name) => name.startsWith(VARIABLE_PREFIX) && !known.has(name));
  if (unknown.length === 0) return undefined;
  const named = unknown.map((name) => `${name}${suggestion(name, known, VARIABLE_PREFIX)}`);
  return `unknown environment variable ${named.join(', ')}`;
}
