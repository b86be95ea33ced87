import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../../src/cli/args/command-line.js';
import { OptionValues } from '../../../../src/cli/args/option-values.js';
import { readServeOptions } from '../../../../src/cli/args/read-serve-options.js';
import type { ServeOptions } from '../../../../src/cli/args/serve-options.js';
import { COMMANDS } from '../../../../src/cli/commands.js';
import { UsageError } from '../../../../src/cli/failures/usage-error.js';
import { directoryStore, SERVE_OPTIONS } from '../../../support/servers/serve-options.js';

const DEFAULTS: ServeOptions = { ...SERVE_OPTIONS, port: 9_001 };

let directory: string;
let storeFile: string;
let file: string;
let other: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wechat-options-'));
  file = join(directory, 'a.txt');
  other = join(directory, 'b.txt');
  storeFile = join(directory, 'store.txt');
  writeFileSync(storeFile, 'in-the-file\n');
  writeFileSync(file, 'a');
  writeFileSync(other, 'b');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(argv: readonly string[], env: Readonly<Record<string, string>> = {}): ServeOptions {
  const { command, given } = parseCommandLine(argv, COMMANDS);
  return readServeOptions(new OptionValues(command.options, given, { ...env }));
}

function refusal(argv: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  try {
    read(argv, env);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('the options were taken');
}

/** A flag, its variable, two good values, and what becomes of them. */
interface Row {
  readonly name: string;
  readonly variable: string;
  readonly field: keyof ServeOptions;
  readonly first: () => string;
  readonly second: () => string;
  readonly means: (text: string) => unknown;
}

const same = (text: string): string => text;
const rows: readonly Row[] = [
  row('port', 'port', '8080', '0', Number),
  row('host', 'host', '0.0.0.0', '::1'),
  row('store', 'store', './somewhere', '/nowhere/else', directoryStore),
  {
    ...row('store-file', 'store', '', '', () => directoryStore('in-the-file')),
    first: () => storeFile,
    second: () => storeFile,
  },
  row('refresh', 'refresh', 'never', 'due', (text) => (text === 'never' ? text : DEFAULTS.refresh)),
  row('max-per-second', 'refresh', '7', '100000', (text) => ({ maxPerSecondOfApp: 160, maxPerSecond: Number(text) })),
  row('max-per-second-of-app', 'refresh', '7', '1', (text) => ({ maxPerSecond: 300, maxPerSecondOfApp: Number(text) })),
  row('contracts', 'contracts', 'native, proxy', 'scheduler', (text) => text.split(', ')),
  row('proxy-per-second-of-app', 'callsPerSecondOfApp', '0.5', '100', Number),
  row('public-url', 'publicUrl', 'https://platform.example.com', 'http://127.0.0.1:9001/wx'),
  row('proxy', 'proxy', 'http://10.0.0.9:3128', 'https://user:pass@proxy.test'),
  row('access-token', 'accessToken', 'plain', 'stable'),
  row('trust', 'trust', '10.0.0.0/8', '::1', (text) => [text]),
  row('host-name', 'hostNames', 'tokens.example.com', 'tokens', (text) => [text]),
  row('wechat-origin', 'wechatOrigins', 'http://127.0.0.1:9101', 'https://sh.api.weixin.qq.com', (text) => [text]),
  row('authorizer-task', 'authorizerTasks', 'jsapi_ticket', 'wx_card_ticket', (text) => [text]),
  row('allow-host', 'allowHosts', '*.example.com', 'a.test:8080', (text) => [text]),
  { ...row('keys', 'keys', '', ''), first: () => file, second: () => other },
  { ...row('encryption-key-file', 'encryptionKeyFile', '', ''), first: () => file, second: () => other },
  { ...row('notify-secret-file', 'notifySecretFile', '', ''), first: () => file, second: () => other },
  { ...row('forward-file', 'forwardFile', '', ''), first: () => file, second: () => other },
];
/** The options that need another one. They have tests of their own. */
const dependent = ['return-url'];
const switches = [
  ['anonymous', 'anonymous', true],
  ['public-callbacks-only', 'publicCallbacksOnly', true],
  ['legacy-type-numbers', 'legacyTypeNumbers', true],
  ['log-calls', 'logCalls', true],
  ['auto-register', 'autoRegister', true],
  ['no-release-check', 'releaseCheck', false],
] as const;

function row(
  name: string,
  field: keyof ServeOptions,
  first: string,
  second: string,
  means: (text: string) => unknown = same,
): Row {
  return { name, variable: variableOf(name), field, first: () => first, second: () => second, means };
}

function variableOf(name: string): string {
  return `WECHAT_TOKENS_${name.toUpperCase().replaceAll('-', '_')}`;
}

describe('options of serve', () => {
  it('all options of serve have defaults', () => {
    expect(read([])).toEqual(DEFAULTS);
    expect(read(['serve'])).toEqual(DEFAULTS);
  });

  it('these tests cover all options of serve', () => {
    const tested = [...rows.map(({ name }) => name), ...switches.map(([name]) => name), ...dependent];
    expect(COMMANDS[0]?.options.map(({ name }) => name).toSorted()).toEqual(tested.toSorted());
  });

  it.each(rows)(
    '$name is a flag and a variable, and the flag wins',
    ({ name, variable, field, first, second, means }) => {
      expect(read([`--${name}`, first()])).toEqual({ ...DEFAULTS, [field]: means(first()) });
      expect(read([`--${name}=${second()}`])).toEqual({ ...DEFAULTS, [field]: means(second()) });
      expect(read([], { [variable]: first() })).toEqual({ ...DEFAULTS, [field]: means(first()) });
      expect(read([`--${name}`, second()], { [variable]: first() })).toEqual({ ...DEFAULTS, [field]: means(second()) });
      expect(read([], { [variable]: '' })).toEqual(DEFAULTS);
    },
  );

  it.each([
    ['auto-register', 'wechat', () => 'true'],
    ['no-release-check', 'push', () => 'true'],
    ['forward-file', 'push', () => file],
  ])('%s is refused without its contract, %s', (name, contract, value) => {
    const option = `--${name}=${value()}`;
    expect(refusal([option, '--contracts', 'native'])).toBe(
      `--${name} is for the contract ${contract}, which --contracts leaves out: add it, or leave out --${name}`,
    );
    expect(() => read([option, '--contracts', `native,${contract}`])).not.toThrow();
  });

  it.each(switches)('%s is a flag and a variable, and the flag wins', (name, field, value) => {
    const on = { ...DEFAULTS, [field]: value };
    expect(read([`--${name}`])).toEqual(on);
    expect(read([`--${name}=true`])).toEqual(on);
    expect(read([`--${name}=0`])).toEqual(DEFAULTS);
    for (const text of ['true', '1']) {
      expect(read([], { [variableOf(name)]: text })).toEqual(on);
      expect(read([`--${name}=false`], { [variableOf(name)]: text })).toEqual(DEFAULTS);
    }
    for (const text of ['false', '0', '']) {
      expect(read([], { [variableOf(name)]: text })).toEqual(DEFAULTS);
      expect(read([`--${name}`], { [variableOf(name)]: text })).toEqual(on);
    }
    expect(refusal([`--${name}=yes`])).toBe(`--${name} must be true, false, 1 or 0, got "yes"`);
    expect(refusal([], { [variableOf(name)]: 'yes' })).toContain(`${variableOf(name)} must be true`);
  });

  it.each(['trust', 'wechat-origin', 'allow-host', 'authorizer-task'])(
    '%s may be repeated, or hold commas as a variable',
    (name) => {
      const { first, second, field, variable } = rows.find((found) => found.name === name) as Row;
      const both = { ...DEFAULTS, [field]: [first(), second()] };
      expect(read([`--${name}`, first(), `--${name}=${second()}`])).toEqual(both);
      expect(read([], { [variable]: `${first()}, ${second()}` })).toEqual(both);
    },
  );

  it.each([
    ['port', '65536', '--port must be a number from 0 to 65535, got "65536"'],
    ['port', '-1', '--port must be a number from 0 to 65535, got "-1"'],
    ['port', '80.5', '--port must be a whole number from 0 to 65535, got "80.5"'],
    ['port', 'http', '--port must be a number from 0 to 65535, got "http"'],
    ['host', 'http://a', '--host must be an address or the name of a host, without scheme and path'],
    ['trust', '10.1.2.3/8', '--trust must contain addresses, and networks like 10.0.0.0/8'],
    ['wechat-origin', 'api.weixin.qq.com', '--wechat-origin must be an http or https URL without credentials'],
    ['wechat-origin', 'https://a.test/path', '--wechat-origin must be an http or https URL without credentials'],
    ['proxy', 'socks5://a', '--proxy must be an http or https URL without path and query'],
    ['access-token', 'stabel', '--access-token must be stable or plain, got "stabel"'],
    ['refresh', 'nevr', '--refresh must be due or never, got "nevr"'],
    ['max-per-second', '0', '--max-per-second must be a number from 1 to 100000, got "0"'],
    ['max-per-second-of-app', '1.5', '--max-per-second-of-app must be a whole number from 1 to 100000, got "1.5"'],
    ['public-url', 'platform.example.com', '--public-url must be an http or https URL without credentials'],
    ['public-url', 'ftp://platform.example.com', '--public-url must be an http or https URL without credentials'],
    ['public-url', 'https://a:b@platform.example.com', '--public-url must be an http or https URL without credentials'],
    [
      'public-url',
      'https://platform.example.com/?a=1',
      '--public-url must be an http or https URL without credentials',
    ],
    ['allow-host', 'http://a.test/', "--allow-host must be a host such as 'example.com'"],
  ])('the option %s refuses the value %s', (name, text, message) => {
    expect(refusal([`--${name}=${text}`])).toContain(message);
    const variable = variableOf(name);
    expect(refusal([], { [variable]: text })).toContain(message.replace(`--${name}`, variable));
  });

  it('--return-url needs --public-url, and --public-url the contract push', () => {
    const [site, shop] = ['https://platform.example.com', 'https://shop.example.com/done?a=1'];
    const both = { ...DEFAULTS, publicUrl: site, returnUrl: shop };
    expect(read(['--public-url', `${site}/`, '--return-url', shop])).toEqual(both);
    const env = { WECHAT_TOKENS_PUBLIC_URL: site, WECHAT_TOKENS_RETURN_URL: shop };
    expect(read([], env)).toEqual(both);
    expect(refusal(['--return-url', shop])).toBe('--return-url has no effect without --public-url: give both');
    expect(refusal(['--public-url', site, '--return-url', '/done'])).toContain('--return-url must be an http or https');
    expect(refusal(['--contracts', 'native', '--public-url', site])).toBe(
      '--public-url is for the contract push, which --contracts leaves out: add it, or leave out --public-url',
    );
  });

  it.each(['keys', 'encryption-key-file', 'notify-secret-file'])('%s must be a file that can be read', (name) => {
    const gone = join(directory, 'gone.txt');
    expect(refusal([`--${name}`, gone])).toBe(`--${name}: ${gone} cannot be read: ENOENT, nothing is there`);
    expect(refusal([`--${name}`, directory])).toBe(`--${name}: ${directory} cannot be read: EISDIR`);
    expect(refusal([], { [variableOf(name)]: gone })).toBe(
      `${variableOf(name)}: ${gone} cannot be read: ENOENT, nothing is there`,
    );
  });

  it.skipIf(process.getuid?.() === 0)('a file without read permission is named with the reason', () => {
    const closed = join(directory, 'closed.txt');
    writeFileSync(closed, 'x');
    chmodSync(closed, 0o000);
    expect(refusal(['--keys', closed])).toBe(
      `--keys: ${closed} cannot be read: EACCES, the current user has no permission: grant it access, or run the command as another user`,
    );
  });

  it('a store must be a directory, or not be there yet', () => {
    expect(read(['--store', directory]).store).toEqual(directoryStore(directory));
    expect(refusal(['--store', file])).toBe('--store must be a directory, got a file');
    for (const below of [`${file}/store`, `sqlite:${file}/store`]) {
      expect(refusal(['--store', below])).toBe(
        `--store: ${file}/store cannot be used: ENOTDIR, one of its parent directories is a file`,
      );
    }
  });

  it('--store-file excludes --store, and its file holds one line', () => {
    expect(refusal(['--store-file', storeFile, '--store', './a'])).toBe(
      '--store-file gives the store, so that --store would have no effect: omit one of them',
    );
    writeFileSync(other, 'redis://:CANARY@a.test\nb\n');
    expect(refusal(['--store-file', other])).toBe('--store-file must contain one line, a directory or a URL');
    writeFileSync(other, 'redis://:CANARY@a.test:x');
    expect(refusal(['--store-file', other])).toMatch(/^--store-file must be a URL like redis:/);
    expect(refusal(['--store-file', 'redis://:CANARY@a.test'])).toBe(
      '--store-file: what it was given, 22 characters, cannot be read: ENOENT, nothing is there',
    );
  });

  it('a server that leaves refreshing to others takes no --max-per-second', () => {
    expect(refusal(['--refresh', 'never', '--max-per-second', '5'])).toBe(
      '--refresh turns off refreshing, so that --max-per-second would have no effect: omit one of them',
    );
  });

  it.each(['--contracts', '--refresh'])('%s without what --authorizer-task is for refuses it', (other) => {
    const value = other === '--contracts' ? 'native' : 'never';
    expect(refusal(['--authorizer-task', 'jsapi_ticket', other, value])).toContain(`${other} `);
    expect(read([other, value]).authorizerTasks).toEqual([]);
  });

  it('--anonymous excludes the options that restrict access', () => {
    expect(refusal(['--anonymous', '--keys', file])).toBe(
      '--anonymous allows access without a key, so that --keys would have no effect: omit one of them',
    );
    expect(refusal(['--trust', '::1'], { WECHAT_TOKENS_ANONYMOUS: '1' })).toBe(
      'WECHAT_TOKENS_ANONYMOUS allows access without a key, so that --trust would have no effect: omit one of them',
    );
    expect(read(['--anonymous=false', '--keys', file])).toEqual({ ...DEFAULTS, keys: file });
  });

  it.each([
    ['keys', 'wtm_abcdefgh_0123456789012345678901234567890123456789012'],
    ['encryption-key-file', '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'],
    ['encryption-key-file', 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='],
    ['encryption-key-file', '//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA='],
    ['notify-secret-file', 'whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMDE='],
    ['proxy', 'socks5://user:the-password@proxy.test'],
    ['wechat-origin', 'https://user:the-password@a.test'],
  ])('an error for %s shows no secret that was given instead', (name, secret) => {
    const message = refusal([`--${name}`, secret]);
    expect(message).toContain(`--${name}`);
    expect(message).not.toContain(secret.slice(8, 20));
    expect(message).not.toContain('the-password');
  });
});
