/** One option as data: parsing, variables of the environment and help go by it. */
export interface OptionSpec {
  /** After `--`. */
  readonly name: string;
  /** After `-`. */
  readonly short?: string;
  /** The name of the value after it in help, such as `number`. Without, it is a flag: true or false. */
  readonly value?: string;
  /** Whether it may be given more than once; as a variable it holds a list with commas. */
  readonly many?: boolean;
  /** The value of the option where none is given; a flag has no such value. */
  readonly fallback?: string;
  /** Whether it is a variable of the environment too. */
  readonly variable?: boolean;
  readonly help: string;
}

export const VARIABLE_PREFIX = 'WECHAT_TOKENS_';
/** Variables that are no options: arguments can be seen by everybody on the machine. */
export const KEY_VARIABLE = 'WECHAT_TOKENS_KEY';
export const SECRET_VARIABLE = 'WECHAT_TOKENS_SECRET';

export function flagOf({ name }: OptionSpec): string {
  return `--${name}`;
}

/** Returns the name of the variable that gives the option, if there is one. */
export function variableOf({ name, variable }: OptionSpec): string | undefined {
  return variable === true ? VARIABLE_PREFIX + name.toUpperCase().replaceAll('-', '_') : undefined;
}
