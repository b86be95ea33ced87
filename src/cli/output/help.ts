import type { CommandSpec } from '../args/command.js';
import {
  KEY_VARIABLE,
  type OptionSpec,
  PUSH_KEYS_VARIABLE,
  PUSH_TOKEN_VARIABLE,
  SECRET_VARIABLE,
  variableOf,
} from '../args/option.js';
import { HELP, KEY_FILE, PUSH_FILE, SECRET_FILE, VERSION } from '../args/options.js';

export const PROGRAM = 'wechat-token-manager';

const WIDTH = 100;
const INDENT = '  ';
/** The descriptions of how a secret can be given, by the option for its file. */
const SECRETS: ReadonlyMap<string, string> = new Map([
  [KEY_FILE.name, `Give the API key in ${KEY_VARIABLE} or a file`],
  [SECRET_FILE.name, `the secret in ${SECRET_VARIABLE}, a file or standard input`],
  [PUSH_FILE.name, `the settings of pushes in ${PUSH_TOKEN_VARIABLE} and ${PUSH_KEYS_VARIABLE} or a file`],
]);

/** Returns the help without a command: the list of commands, and the options of the first one. */
export function helpOfAll(commands: readonly CommandSpec[]): string {
  const [first, ...others] = commands;
  if (first === undefined) return '';
  return [
    `Usage: ${PROGRAM} [command] [options]`,
    '',
    'Keeps the access tokens and tickets of WeChat apps fresh, and hands them out over HTTP.',
    '',
    'Commands:',
    ...columns([first, ...others].map((command) => [wordsOf(command), command.summary])),
    '',
    `Options of ${first.name}:`,
    ...optionLines([...first.options, VERSION, HELP]),
    ...notesOf(first),
    '',
    `More on a command: ${PROGRAM} <command> --help`,
    '',
  ].join('\n');
}

export function helpOf(command: CommandSpec): string {
  return [
    `Usage: ${PROGRAM} ${wordsOf(command)} [options]`,
    '',
    `${command.name}: ${command.summary}.`,
    '',
    'Options:',
    ...optionLines([...command.options, HELP]),
    ...notesOf(command),
    '',
  ].join('\n');
}

function notesOf({ options, notes = [] }: CommandSpec): readonly string[] {
  const example = options.map(variableOf).find((variable) => variable !== undefined);
  const asVariable =
    example === undefined
      ? []
      : [
          `Options marked * can also be given as environment variables, like ${example}: lists with commas, switches as true or false. A flag takes precedence.`,
        ];
  const secrets = options.flatMap(({ name }) => SECRETS.get(name) ?? []);
  const asSecret =
    secrets.length === 0
      ? []
      : [`${secrets.join(', ')}, never in an argument, which every user of the machine can see.`];
  const paragraphs = [...notes, ...asVariable, ...asSecret];
  return paragraphs.flatMap((paragraph) => ['', ...wrapped(paragraph, WIDTH)]);
}

function wordsOf({ name, operands }: CommandSpec): string {
  return [name, ...operands].join(' ');
}

function optionLines(options: readonly OptionSpec[]): readonly string[] {
  return columns(options.map((option) => [optionWords(option), optionText(option)]));
}

function optionWords(option: OptionSpec): string {
  const { name, short, value } = option;
  const words = `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` <${value}>`}`;
  return variableOf(option) === undefined ? words : `${words} *`;
}

function optionText({ help, many, fallback }: OptionSpec): string {
  const again = many === true ? '; may be repeated' : '';
  return `${help}${again}${fallback === undefined ? '' : ` (${fallback})`}`;
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.flatMap(([left, right]) =>
    wrapped(right, WIDTH - width - INDENT.length).map(
      (line, index) => INDENT + (index === 0 ? left : '').padEnd(width) + line,
    ),
  );
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
