import type { CommandIo } from '../io/command-io.js';
import type { OptionSpec } from './option.js';
import type { OptionValues } from './option-values.js';

/** A call of a command. */
export interface CommandCall {
  /** The arguments after the command's name, as many as it takes. */
  readonly operands: readonly string[];
  readonly options: OptionValues;
  readonly io: CommandIo;
}

/** A function that runs a command and returns the exit code. */
export type CommandFunction = (call: CommandCall) => Promise<number>;

/** The description of a command, from which parsing and help are derived. */
export interface CommandSpec {
  /** The name of the command: one word, or two as in `keys add`. */
  readonly name: string;
  /** The names of the operands: `<appid>` is required, `[type]` is optional. */
  readonly operands: readonly string[];
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** Whether standard output is only a log. The command then does its work even if that output is broken. */
  readonly onlyLogs?: boolean;
  /** The paragraphs that help shows below the options. */
  readonly notes?: readonly string[];
  /**
   * Loads the module of the command. Each command is loaded on demand, so that it does not wait for the modules of the
   * others.
   */
  readonly load: () => Promise<CommandFunction>;
}
