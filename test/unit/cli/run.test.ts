import { readFileSync } from 'node:fs';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.js';
import { paintFor } from '../../../src/cli/output/paint.js';
import { run } from '../../../src/cli/run.js';
import { CapturedOutput, runCommand } from '../../support/servers/command-line.js';

const VERSION = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version;
const NOWHERE = { WECHAT_TOKENS_URL: 'http://127.0.0.1:1' };

describe('the command', () => {
  it.each(['-v', '--version', 'list --version'])('%s shows the version', async (line) => {
    expect(await runCommand(line.split(' '))).toEqual({ code: 0, out: `${VERSION}\n`, err: '' });
  });

  it.each(['-h', '--help', 'help', '-vh'])('%s shows all commands, and the options of serve', async (line) => {
    const { code, out, err } = await runCommand([line]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const { name, summary } of COMMANDS) {
      expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
      expect(out.replace(/\s+/g, ' ')).toContain(summary);
    }
    for (const { name, fallback = '' } of COMMANDS[0]?.options ?? []) {
      expect(out).toContain(`--${name}`);
      expect(out).toContain(fallback);
    }
  });

  it('the first word of several commands shows the general help', async () => {
    const all = await runCommand(['--help']);
    expect(await runCommand(['keys', '--help'])).toEqual(all);
    expect(await runCommand(['help', 'keys'])).toEqual(all);
    expect((await runCommand(['keys'])).err).toContain('keys needs one of add, list, remove after it');
  });

  it.each(COMMANDS.map(({ name }) => name))('the help of %s shows all its options', async (name) => {
    const command = COMMANDS.find((found) => found.name === name);
    const shown = await runCommand([...name.split(' '), '--help']);
    expect(await runCommand(['help', ...name.split(' ')])).toEqual(shown);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain(
      `Usage: wechat-token-manager ${[name, ...(command?.operands ?? [])].join(' ')} [options]`,
    );
    for (const option of command?.options ?? []) {
      expect(shown.out).toContain(`--${option.name}${option.value === undefined ? '' : ` <${option.value}>`}`);
      expect(shown.out.replace(/\s+/g, ' ')).toContain(option.help);
    }
    expect(Math.max(...shown.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('the help marks the options that have variables', async () => {
    const { out } = await runCommand(['get', '--help']);
    expect(out).toMatch(/--url <url> \* /);
    expect(out).toMatch(/--subject <name> {2}/);
    expect(out).toContain('like WECHAT_TOKENS_URL');
    expect((await runCommand(['fake', '--help'])).out).not.toContain('variables');
  });

  it('the help explains how secrets are given', async () => {
    const shown = async (name: string): Promise<string> =>
      (await runCommand([name, '--help'])).out.replace(/\s+/g, ' ');
    expect(await shown('get')).toContain('Give the API key in WECHAT_TOKENS_KEY or a file, never in an argument');
    expect(await shown('register')).toContain(
      'the secret in WECHAT_TOKENS_SECRET, a file or standard input, the settings of pushes in WECHAT_TOKENS_PUSH_TOKEN and WECHAT_TOKENS_PUSH_KEYS or a file, never in',
    );
    expect(await shown('fake')).not.toContain('never in an argument');
  });

  it('an error is on one line, with exit code 2 for wrong usage and 1 otherwise', async () => {
    expect(await runCommand(['sevre'])).toEqual({
      code: 2,
      out: '',
      err: 'wechat-token-manager: unknown command "sevre" (did you mean serve?)\n',
    });
    const failed = await runCommand(['list'], { env: NOWHERE });
    expect({ code: failed.code, lines: failed.err.split('\n').length }).toEqual({ code: 1, lines: 2 });
  });

  it('unknown variables are warned of on one line', async () => {
    const env = { ...NOWHERE, WECHAT_TOKENS_PROT: '9', WECHAT_TOKENS_XYZZY: '1', WECHAT_TOKEN: 'not ours' };
    const { err } = await runCommand(['list'], { env });
    expect(err.split('\n')[0]).toBe(
      'wechat-token-manager: unknown environment variable WECHAT_TOKENS_PROT (did you mean WECHAT_TOKENS_PORT?), WECHAT_TOKENS_XYZZY',
    );
  });

  it('the variables of a Kubernetes Service are ignored, with one warning', async () => {
    const env = {
      ...NOWHERE,
      WECHAT_TOKENS_PORT: 'tcp://10.0.0.1:80',
      WECHAT_TOKENS_PORT_80_TCP: 'tcp://10.0.0.1:80',
      WECHAT_TOKENS_PORT_80_TCP_ADDR: '10.0.0.1',
      WECHAT_TOKENS_PORT_80_TCP_PORT: '80',
      WECHAT_TOKENS_PORT_80_TCP_PROTO: 'tcp',
      WECHAT_TOKENS_SERVICE_HOST: '10.0.0.1',
      WECHAT_TOKENS_SERVICE_PORT: '80',
      WECHAT_TOKENS_SERVICE_PORT_HTTP: '80',
      WECHAT_TOKENS_REDIS_PORT: 'tcp://[fd00::1]:6379',
      WECHAT_TOKENS_REDIS_SERVICE_HOST: 'fd00::1',
    };
    const { err } = await runCommand(['list'], { env });
    const lines = err.split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^wechat-token-manager: WECHAT_TOKENS_PORT, .*Kubernetes.*enableServiceLinks: false/);
    for (const name of Object.keys(env)) if (name !== 'WECHAT_TOKENS_URL') expect(lines[0]).toContain(name);
    // The option is as if the variable were not there: it fails for what comes after it.
    const served = await runCommand(['--max-per-second', '0'], { env });
    expect(served.code).toBe(2);
    expect(served.err).not.toContain('WECHAT_TOKENS_PORT must be');
  });

  it.each(['tcp://', 'tcp://10.0.0.1', 'http://10.0.0.1:80', 'abc', '70000', '80.5'])(
    'a port of %s, which is no form of a Service, is refused with a sentence',
    async (port) => {
      const { code, err } = await runCommand(['serve'], { env: { WECHAT_TOKENS_PORT: port } });
      expect(code).toBe(2);
      expect(err).toMatch(
        /^wechat-token-manager: WECHAT_TOKENS_PORT must be a (whole )?number from 0 to 65535, got .+\n$/,
      );
    },
  );

  it('variables of other commands are not warned of', async () => {
    const env = { ...NOWHERE, WECHAT_TOKENS_PORT: 'x', WECHAT_TOKENS_KEY: 'k', WECHAT_TOKENS_SECRET: 's' };
    const { err } = await runCommand(['list'], { env });
    expect(err).toBe(
      'wechat-token-manager: http://127.0.0.1:1 has a port that is reserved for a protocol other than HTTP\n',
    );
  });

  it('bad options of serve are refused before anything starts', async () => {
    expect(await runCommand(['--port', 'x'])).toEqual({
      code: 2,
      out: '',
      err: 'wechat-token-manager: --port must be a number from 0 to 65535, got "x"\n',
    });
  });

  it.each([
    ['--port x', '--port must be a number from 0 to 65535, got "x"'],
    ['--host http://a', '--host must be an address'],
    ['--life-seconds 0', '--life-seconds must be a number from 1 to 31536000, got "0"'],
  ])('fake refuses %s', async (words, message) => {
    const { code, err } = await runCommand(['fake', ...words.split(' ')]);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

describe('a command whose output cannot be written', () => {
  it.each([
    ['ENOSPC', 1, /^wechat-token-manager: standard output cannot be written \(ENOSPC\): .+\n$/],
    ['EIO', 1, /\(EIO\)/],
    ['EPIPE', 0, /^$/],
  ])('a failure of standard output with %s ends with exit code %i and says %s', async (code, expected, message) => {
    const failing = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
    });
    const stderr = new CapturedOutput();
    const io = { script: '', stdin: new PassThrough(), stdout: failing, stderr, env: {} };
    expect(await run(['ddl', 'sqlite'], io)).toBe(expected);
    expect(stderr.text).toMatch(message);
  });
});

describe('colours', () => {
  it.each([
    [80, {}, true],
    [0, {}, false],
    [80, { NO_COLOR: '1' }, false],
    [80, { NO_COLOR: '' }, true],
    [80, { TERM: 'dumb' }, false],
    [0, { FORCE_COLOR: '1' }, true],
    [80, { FORCE_COLOR: '0' }, false],
    [80, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ])('colours on a terminal of %i columns with %o are shown: %s', (columns, env, areShown) => {
    expect(paintFor(new CapturedOutput(columns), env)('red', 'x').length > 1).toBe(areShown);
  });
});
