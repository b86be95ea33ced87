/** The description of an option, from which parsing, environment variables and help are derived. */
export interface OptionSpec {
  /** The name of the option without `--`. */
  readonly name: string;
  /** The one-letter name of the option without `-`. */
  readonly short?: string;
  /** The placeholder of the value in help, such as `number`. An option without one is a flag: true or false. */
  readonly value?: string;
  /** Whether the option may be given several times. Its variable then holds a list separated by commas. */
  readonly many?: boolean;
  /** The default value of the option. A flag has none. */
  readonly fallback?: string;
  /** Whether the option can also be given as an environment variable. */
  readonly variable?: boolean;
  readonly help: string;
}

export const VARIABLE_PREFIX = 'WECHAT_TOKENS_';
/** The variables for secrets. They are no options because every user of the machine can see the arguments of a process. */
export const KEY_VARIABLE = 'WECHAT_TOKENS_KEY';
export const SECRET_VARIABLE = 'WECHAT_TOKENS_SECRET';
export const PUSH_TOKEN_VARIABLE = 'WECHAT_TOKENS_PUSH_TOKEN';
/** The variable for the keys that decrypt pushes, separated by commas, the newest first. */
export const PUSH_KEYS_VARIABLE = 'WECHAT_TOKENS_PUSH_KEYS';

export function flagOf({ name }: OptionSpec): string {
  return `--${name}`;
}

/** Returns the name of the environment variable of an option, if it has one. */
export function variableOf({ name, variable }: OptionSpec): string | undefined {
  return variable === true ? VARIABLE_PREFIX + name.toUpperCase().replaceAll('-', '_') : undefined;
}
