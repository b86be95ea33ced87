import type { CommandIo } from '../io/command-io.js';
import type { OptionSpec } from './option.js';
import type { OptionValues } from './option-values.js';

/** One command as it was called. */
export interface CommandCall {
  /** The arguments after the command's name, as many as it takes. */
  readonly operands: readonly string[];
  readonly options: OptionValues;
  readonly io: CommandIo;
}

/** Does the work and answers with the exit code. */
export type CommandFunction = (call: CommandCall) => Promise<number>;

/** One command as data. */
export interface CommandSpec {
  /** One word, or two: `keys add`. */
  readonly name: string;
  /** `<appid>` is required, `[type]` is not. */
  readonly operands: readonly string[];
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** Whether standard output is only a log, without which the work is done all the same. */
  readonly onlyLogs?: boolean;
  /** The paragraphs that help shows below the options. */
  readonly notes?: readonly string[];
  /** Loads what it needs: the others are not to wait for it. */
  readonly load: () => Promise<CommandFunction>;
}
