import { describeWord } from '../../core/primitives/redact.js';
import { UsageError } from '../failures/usage-error.js';
import { flagOf, type OptionSpec, variableOf } from './option.js';

/** The value of an option and its source, such as `--port` or the name of a variable. */
export interface GivenValue {
  readonly source: string;
  readonly text: string;
}

const MEANINGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** Holds the values of the options of a command. */
export class OptionValues {
  readonly #given: ReadonlyMap<OptionSpec, readonly GivenValue[]>;

  /** @param given - the values by flag. */
  constructor(
    options: readonly OptionSpec[],
    given: ReadonlyMap<string, readonly GivenValue[]>,
    env: NodeJS.ProcessEnv = {},
  ) {
    this.#given = new Map(options.map((option) => [option, given.get(option.name) ?? valuesIn(env, option)]));
    for (const option of options) if (option.value === undefined) this.isSet(option);
  }

  /** Returns the last value, or the default of the option. */
  text(option: OptionSpec): string | undefined {
    return this.given(option)?.text ?? option.fallback;
  }

  given(option: OptionSpec): GivenValue | undefined {
    return this.list(option).at(-1);
  }

  list(option: OptionSpec): readonly GivenValue[] {
    return this.#given.get(option) ?? [];
  }

  isSet(option: OptionSpec): boolean {
    const given = this.given(option);
    if (given === undefined) return false;
    const meaning = MEANINGS.get(given.text.toLowerCase());
    if (meaning !== undefined) return meaning;
    throw new UsageError(`${given.source} must be true, false, 1 or 0, got ${describeWord(given.text)}`);
  }

  number(option: OptionSpec, least: number, most: number): number | undefined {
    const text = this.text(option);
    if (text === undefined) return undefined;
    const value = /^\d{1,10}(?:\.\d{1,10})?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new UsageError(
      `${this.sourceOf(option)} must be a number from ${least} to ${most}, got ${describeWord(text)}`,
    );
  }

  integer(option: OptionSpec, least: number, most: number): number {
    const value = this.number(option, least, most);
    if (value !== undefined && Number.isInteger(value)) return value;
    const got = describeWord(this.text(option));
    throw new UsageError(`${this.sourceOf(option)} must be a whole number from ${least} to ${most}, got ${got}`);
  }

  choice<Choice extends string>(option: OptionSpec, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(option);
    if (text === undefined || choices.includes(text as Choice)) return text as Choice | undefined;
    throw new UsageError(`${this.sourceOf(option)} must be ${choices.join(' or ')}, got ${describeWord(text)}`);
  }

  /** Returns the name of the option for an error message, in the form in which it was given. */
  sourceOf(option: OptionSpec): string {
    return this.given(option)?.source ?? flagOf(option);
  }
}

/** Returns the values of an option in the environment. An empty variable has no value. */
function valuesIn(env: NodeJS.ProcessEnv, option: OptionSpec): readonly GivenValue[] {
  const source = variableOf(option);
  const text = source === undefined ? undefined : env[source]?.trim();
  if (source === undefined || text === undefined || text === '') return [];
  const texts = option.many === true ? text.split(',').map((part) => part.trim()) : [text];
  return texts.filter((part) => part !== '').map((part) => ({ source, text: part }));
}
