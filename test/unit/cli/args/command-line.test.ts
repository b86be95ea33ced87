import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/args/command-line.js';
import { COMMANDS } from '../../../../src/cli/commands.js';
import { UsageError } from '../../../../src/cli/failures/usage-error.js';

function parse(...argv: readonly string[]): { command: string; operands: readonly string[]; given: object } {
  const { command, operands, given } = parseCommandLine(argv, COMMANDS);
  const texts = [...given].map(([name, values]) => [name, values.map(({ text }) => text)]);
  return { command: command.name, operands, given: Object.fromEntries(texts) };
}

function refusal(...argv: readonly string[]): string {
  try {
    parseCommandLine(argv, COMMANDS);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('the command line was taken');
}

const OPTIONS = COMMANDS.flatMap(({ name, options }) => options.map((option) => ({ ...option, command: name })));
const WITH_VALUE = OPTIONS.filter(({ value }) => value !== undefined);
const WITHOUT_VALUE = OPTIONS.filter(({ value }) => value === undefined);

describe('a command line', () => {
  it('a command line without a command means serve', () => {
    expect(parse()).toEqual({ command: 'serve', operands: [], given: {} });
    expect(parse('-p', '8080')).toEqual({ command: 'serve', operands: [], given: { port: ['8080'] } });
    expect(parseCommandLine([], COMMANDS).isNamed).toBe(false);
    expect(parseCommandLine(['serve'], COMMANDS).isNamed).toBe(true);
  });

  it.each(COMMANDS.map(({ name }) => name))('the command %s is recognized', (name) => {
    expect(parse(...name.split(' '))).toEqual({ command: name, operands: [], given: {} });
  });

  it('options may stand before, between and after words', () => {
    expect(parse('--url', 'http://a', 'get', '--json', 'wx1', 'access_token', '--subject=o')).toEqual({
      command: 'get',
      operands: ['wx1', 'access_token'],
      given: { url: ['http://a'], json: ['true'], subject: ['o'] },
    });
    expect(parse('keys', '--keys', 'k.json', 'remove', 'abc').operands).toEqual(['abc']);
  });

  it('everything after -- is a word', () => {
    expect(parse('get', '--', '--json', '-p').operands).toEqual(['--json', '-p']);
  });

  it.each(['-p 8080', '-p=8080', '-p8080', '--port 8080', '--port=8080'])('the port is read from %s', (text) => {
    expect(parse(...text.split(' ')).given).toEqual({ port: ['8080'] });
    expect(parse('fake', ...text.split(' ')).given).toEqual({ port: ['8080'] });
  });

  it.each(WITH_VALUE)('$command takes --$name with its value', ({ command, name, short }) => {
    const words = command.split(' ');
    expect(parse(...words, `--${name}`, 'x=1').given).toEqual({ [name]: ['x=1'] });
    expect(parse(...words, `--${name}=x=1`).given).toEqual({ [name]: ['x=1'] });
    expect(parse(...words, `--${name}`, 'x', `--${name}=-`).given).toEqual({ [name]: ['x', '-'] });
    expect(parse(...words, `--${name}=-1`).given).toEqual({ [name]: ['-1'] });
    for (const flag of [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]) {
      expect(refusal(...words, flag)).toBe(`${flag} needs a value`);
      expect(refusal(...words, flag, '')).toBe(`${flag} needs a value`);
      expect(refusal(...words, `${flag}=`)).toBe(`${flag} needs a value`);
      expect(refusal(...words, flag, '--url')).toBe(
        `${flag} needs a value; one that begins with a dash is written ${flag}=<value>`,
      );
    }
  });

  it.each(WITHOUT_VALUE)('$command takes --$name without a value', ({ command, name }) => {
    const words = command.split(' ');
    expect(parse(...words, `--${name}`).given).toEqual({ [name]: ['true'] });
    expect(parse(...words, `--${name}=false`).given).toEqual({ [name]: ['false'] });
    expect(parse(...words, `--${name}`, 'x').operands).toEqual(['x']);
  });

  it.each([...new Map(OPTIONS.map((option) => [option.name, option])).values()])(
    'an error for --$name with a letter left out suggests the option',
    ({ command, name }) => {
      const typo = `--${name.slice(0, -2)}${name.slice(-1)}`;
      expect(refusal(...command.split(' '), typo)).toBe(`unknown option ${typo} (did you mean --${name}?)`);
    },
  );

  it('an error for a long unknown command, which may be a secret, shows only its length', () => {
    expect(refusal('x'.repeat(17))).toBe('unknown command of 17 characters');
    expect(refusal('keys', 'x'.repeat(17))).toBe('keys has no command of 17 characters');
  });

  it('an error for an unknown option suggests the nearest one of its command', () => {
    expect(refusal('--prot', '8080')).toBe('unknown option --prot (did you mean --port?)');
    expect(refusal('get', '--key', 'wtm_secret')).toBe('unknown option --key (did you mean --key-file?)');
    expect(refusal('register', 'wx', '--secret=abc')).toBe('unknown option --secret (did you mean --secret-file?)');
    expect(refusal('-x')).toBe('unknown option -x');
    expect(refusal('--xyzzy')).toBe('unknown option --xyzzy');
    expect(refusal('-port', '8080')).toBe('unknown option -port (did you mean --port?)');
  });

  it('an option of another command is refused', () => {
    expect(refusal('list', '--anonymous')).toBe('list takes no --anonymous');
    expect(refusal('list', '-p', '80')).toBe('list takes no -p');
  });

  it('an error for an unknown command suggests the nearest one', () => {
    expect(refusal('sevre')).toBe('unknown command "sevre" (did you mean serve?)');
    expect(refusal('key')).toBe('unknown command "key" (did you mean keys?)');
    expect(refusal('xyzzy')).toBe('unknown command "xyzzy"');
    expect(refusal('keys')).toBe('keys needs one of add, list, remove after it');
    expect(refusal('keys', 'rm')).toBe('keys has no command "rm"');
    expect(refusal('keys', 'ad')).toBe('keys has no command "ad" (did you mean add?)');
  });

  it('an error shows nothing that may be a secret', () => {
    const secret = 'wtm_abcdefgh_0123456789012345678901234567890123456789012';
    const lines = [
      [secret],
      ['keys', secret],
      [`--${secret}`],
      ['get', `--url=${secret}`, '--nope'],
      ['-p', `-${secret}`],
    ];
    for (const line of lines) expect(refusal(...line)).not.toContain('abcdefgh_');
  });
});

describe('the table of options', () => {
  it('an option has one kind of value in all commands, since a line is split before its command is known', () => {
    for (const { name, value, short } of OPTIONS) {
      const others = OPTIONS.filter((option) => option.name === name);
      expect(others.every((option) => (option.value === undefined) === (value === undefined))).toBe(true);
      expect(others.every((option) => option.short === short)).toBe(true);
    }
  });

  it('every option of serve has a variable', () => {
    const options = COMMANDS[0]?.options ?? [];
    expect(options.length).toBeGreaterThan(10);
    expect(options.filter(({ variable }) => variable !== true)).toEqual([]);
  });
});
