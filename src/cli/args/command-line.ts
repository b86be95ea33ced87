import { parseArgs } from 'node:util';
import { describeWord } from '../../core/primitives/redact.js';
import { UsageError } from '../failures/usage-error.js';
import type { CommandSpec } from './command.js';
import { suggestion } from './nearest.js';
import { flagOf, type OptionSpec } from './option.js';
import type { GivenValue } from './option-values.js';
import { HELP, VERSION } from './options.js';

/** The parsed command line: the command, its operands and its options. */
export interface CommandLine {
  readonly command: CommandSpec;
  /** Whether the command line names the command. The first command is the default. */
  readonly isNamed: boolean;
  readonly operands: readonly string[];
  /** The values of the options, by the name of the option. */
  readonly given: ReadonlyMap<string, readonly GivenValue[]>;
}

interface Flag extends GivenValue {
  readonly name: string;
}

const LONGEST_FLAG = 32;
const LONGEST_COMMAND = 16;

/**
 * Parses a command line. Options are parsed before the command is known, so that they may stand before it.
 *
 * @throws UsageError that shows options and commands, but no values, which may be secrets.
 */
export function parseCommandLine(argv: readonly string[], commands: readonly CommandSpec[]): CommandLine {
  const options = new Map<string, OptionSpec>(
    [HELP, VERSION, ...commands.flatMap((command) => command.options)].map((option) => [option.name, option]),
  );
  const { words, flags } = takeApart(argv, options);
  const { command, operands } = commandIn(words, commands);
  const unknown = flags.find(({ name }) => !options.has(name));
  if (unknown !== undefined) throw noSuchFlag(unknown, command?.options ?? [...options.values()]);
  if (command === undefined) {
    const [first] = commands;
    const asksForHelp = words.length === 1 && flags.some(({ name }) => name === HELP.name);
    // `--help` after the first word of a group shows the help of all commands, which includes those of the group.
    if (first === undefined || !asksForHelp || commandsOf(words[0], commands).length === 0)
      throw noSuchCommand(words, commands);
    return { command: first, isNamed: false, operands: [], given: byName(flags) };
  }
  const foreign = flags.find(({ name }) => !takes(command, name));
  if (foreign !== undefined) throw new UsageError(`${command.name} takes no ${foreign.source}`);
  return { command, isNamed: words.length > 0, operands, given: byName(flags) };
}

function takeApart(
  argv: readonly string[],
  options: ReadonlyMap<string, OptionSpec>,
): { readonly words: readonly string[]; readonly flags: readonly Flag[] } {
  const config = Object.fromEntries(
    [...options.values()].map(({ name, short, value }) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short !== undefined && { short }) },
    ]),
  );
  // `strict` is off because the errors of Node have several lines and show the values.
  const { tokens } = parseArgs({
    args: [...argv],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const flags: Flag[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName: source, inlineValue, value } = token;
    const meant = /^-([a-z][a-z-]+)/.exec(argv[token.index] ?? '')?.[1] ?? '';
    if (options.has(meant)) throw new UsageError(`unknown option -${meant} (did you mean --${meant}?)`);
    const takesValue = options.get(name)?.value !== undefined;
    flags.push({ name, source, text: takesValue ? textOf(source, inlineValue, value) : (value ?? 'true') });
  }
  return { words, flags };
}

/** Returns the value of a flag. The leading `=` is removed because Node parses `-p=8080` as the value `=8080`. */
function textOf(source: string, isInline: boolean | undefined, value: string | undefined): string {
  const text = isInline === true && !source.startsWith('--') ? value?.replace(/^=/, '') : value;
  if (text === undefined || text === '') throw new UsageError(`${source} needs a value`);
  if (isInline !== true && text.length > 1 && text.startsWith('-')) {
    throw new UsageError(`${source} needs a value; one that begins with a dash is written ${source}=<value>`);
  }
  return text;
}

/** Returns the command that the first one or two words name; the first command if there are no words. */
function commandIn(
  words: readonly string[],
  commands: readonly CommandSpec[],
): { readonly command: CommandSpec | undefined; readonly operands: readonly string[] } {
  if (words.length === 0) return { command: commands[0], operands: [] };
  const command =
    commands.find(({ name }) => name === words[0]) ?? commands.find(({ name }) => name === `${words[0]} ${words[1]}`);
  return { command, operands: words.slice(command?.name.split(' ').length ?? 0) };
}

function takes({ options }: CommandSpec, name: string): boolean {
  return [HELP, VERSION, ...options].some((option) => option.name === name);
}

function byName(flags: readonly Flag[]): ReadonlyMap<string, readonly GivenValue[]> {
  const given = new Map<string, GivenValue[]>();
  for (const flag of flags) given.set(flag.name, [...(given.get(flag.name) ?? []), flag]);
  return given;
}

function noSuchFlag({ name, source }: Flag, options: readonly OptionSpec[]): UsageError {
  const shown = source.length > LONGEST_FLAG ? `of ${source.length} characters` : source;
  return new UsageError(`unknown option ${shown}${suggestion(`--${name}`, options.map(flagOf), '--')}`);
}

function noSuchCommand([first = '', second]: readonly string[], commands: readonly CommandSpec[]): UsageError {
  const ofGroup = commandsOf(first, commands);
  if (ofGroup.length === 0) {
    const names = new Set(commands.map(({ name }) => name.split(' ')[0] as string));
    return new UsageError(`unknown command ${nameOf(first)}${suggestion(first, names)}`);
  }
  if (second === undefined) return new UsageError(`${first} needs one of ${ofGroup.join(', ')} after it`);
  return new UsageError(`${first} has no command ${nameOf(second)}${suggestion(second, ofGroup)}`);
}

/** Returns the second words of the commands whose first word is this one. */
function commandsOf(first: string | undefined, commands: readonly CommandSpec[]): readonly string[] {
  const group = `${first} `;
  return commands.flatMap(({ name }) => (name.startsWith(group) ? [name.slice(group.length)] : []));
}

/** Describes a word for an error message, and hides a long one, which may be a secret in the place of a command. */
function nameOf(word: string): string {
  return word.length > LONGEST_COMMAND ? `of ${word.length} characters` : describeWord(word);
}
