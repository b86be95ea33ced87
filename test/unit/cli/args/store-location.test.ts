import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type StoreLocation, storeLocation } from '../../../../src/cli/args/store-location.js';
import { UsageError } from '../../../../src/cli/failures/usage-error.js';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'wechat-store-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const locate = (text: string): StoreLocation => storeLocation({ source: '--store', text });

function server(text: string): unknown {
  const location = locate(text);
  return 'url' in location ? { ...location, url: location.url.href } : location;
}

function refusal(text: string): string {
  try {
    locate(text);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('the location of a store', () => {
  it.each(['./wechat-tokens', '/var/lib/tokens', 'C:\\tokens', 'd:/tokens', './redis:', 'tokens', '~', '//host/share'])(
    'the store %s is a directory',
    (path) => {
      expect(locate(path)).toEqual({ kind: 'directory', path, shown: path });
    },
  );

  it('a relative path is refused where the working directory has been removed', () => {
    vi.spyOn(process, 'cwd').mockImplementation(() => {
      throw Object.assign(new Error('ENOENT: uv_cwd'), { code: 'ENOENT', syscall: 'uv_cwd' });
    });
    onTestFinished(() => void vi.restoreAllMocks());
    const said = '--store: the working directory has been removed: change to one that exists, or give an absolute path';
    for (const path of ['./wechat-tokens', 'sqlite:./tokens.db', 'sqlite:tokens.db']) expect(refusal(path)).toBe(said);
    expect(locate(join(directory, 'store')).kind).toBe('directory');
    expect(locate(`sqlite://${directory}/tokens.db`).kind).toBe('sqlite');
  });

  it('a file is no store', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(refusal(file)).toBe('--store must be a directory, got a file');
  });

  it.each([
    ['redis://127.0.0.1', 'redis', 'redis://127.0.0.1'],
    ['rediss://a.test:6380/2', 'redis', 'rediss://a.test:6380/2'],
    ['valkey://a.test/', 'redis', 'valkey://a.test'],
    ['valkeys://a.test', 'redis', 'valkeys://a.test'],
    ['REDIS://a.test', 'redis', 'redis://a.test'],
    ['redis://[::1]:6379', 'redis', 'redis://[::1]:6379'],
    ['postgres://a.test/db', 'postgres', 'postgres://a.test/db'],
    ['postgresql://a.test:5433/db', 'postgres', 'postgresql://a.test:5433/db'],
    ['postgres:///db?host=/var/run/postgresql', 'postgres', 'postgres:///db'],
    ['mysql://a.test/db', 'mysql', 'mysql://a.test/db'],
    ['mariadb://a.test:3307/db', 'mysql', 'mariadb://a.test:3307/db'],
  ])('the store %s is a server', (text, kind, shown) => {
    expect(locate(text)).toMatchObject({ kind, shown, name: undefined, isSecret: false });
  });

  it.each([
    ['redis://:CANARY@a.test:6379', 'redis://a.test:6379'],
    ['redis://user:CANARY@a.test/1', 'redis://a.test/1'],
    ['postgres://user:CANARY@a.test/db', 'postgres://a.test/db'],
    ['postgres://user:CAN%40%2FARY@a.test/db', 'postgres://a.test/db'],
    ['postgres://user:CAN@ARY@a.test/db', 'postgres://a.test/db'],
    ['postgres://a.test/db?user=user&password=CANARY', 'postgres://a.test/db'],
    ['mysql://user:CANARY@a.test/db?password2=CANARY', 'mysql://a.test/db'],
  ])('the store %s is shown without its credentials', (text, shown) => {
    expect(locate(text)).toMatchObject({ shown, isSecret: true });
  });

  it.each([
    ['redis://:p@a.test?prefix=tokens', 'tokens', 'redis://:p@a.test'],
    [
      'postgres://a.test/db?sslmode=verify-full&table=own.tokens',
      'own.tokens',
      'postgres://a.test/db?sslmode=verify-full',
    ],
    ['mysql://a.test/db?table=tokens&ssl=true', 'tokens', 'mysql://a.test/db?ssl=true'],
    ['mysql://a.test/db?ssl={"ca":"x"}', undefined, 'mysql://a.test/db?ssl={%22ca%22:%22x%22}'],
  ])('the name in %s is removed before the URL goes to the driver', (text, name, url) => {
    expect(server(text)).toMatchObject({ name, url });
  });

  it.each([
    ['sqlite:./tokens.db', resolve('tokens.db')],
    ['sqlite:tokens.db', resolve('tokens.db')],
    ['sqlite:/var/lib/tokens.db', '/var/lib/tokens.db'],
    ['sqlite:///var/lib/tokens.db', '/var/lib/tokens.db'],
    ['SQLITE:///var/lib/my%20tokens.db', '/var/lib/my tokens.db'],
  ])('the store %s is a file of SQLite', (text, path) => {
    expect(locate(text)).toEqual({ kind: 'sqlite', path, name: undefined, shown: `sqlite:${path}` });
    expect(locate(`${text}?table=mine`)).toMatchObject({ path, name: 'mine' });
  });

  it.each([
    'sqlite:',
    'sqlite://tokens.db',
    'sqlite://',
    'sqlite:///',
    'sqlite:////server/share',
    'sqlite::memory:',
    'sqlite:?table=a',
  ])('the store %s is refused, since it names no file of SQLite', (text) => {
    expect(refusal(text)).toBe('--store must name the SQLite file: sqlite:./tokens.db, or sqlite:///var/lib/tokens.db');
  });

  it('a store in SQLite is no directory, and takes no parameter that would do nothing', () => {
    expect(refusal(`sqlite:${directory}`)).toBe('--store must name a file, got a directory');
    expect(refusal('sqlite:./a.db?mode=ro')).toBe('--store: a URL of SQLite accepts no parameter except table');
  });

  it.each(['mongodb://CANARY', 'http://a.test', 'CANARYCANARYCANARYCANARY:x', 'file:///var/lib'])(
    'the store %s is refused with a list of the known kinds',
    (text) => {
      const message = refusal(text);
      for (const known of [
        'redis:',
        'rediss:',
        'valkey:',
        'postgres:',
        'postgresql:',
        'mysql:',
        'mariadb:',
        'sqlite:',
      ]) {
        expect(message).toContain(known);
      }
      expect(message).toContain('must be a directory');
      expect(message).not.toMatch(/CANARY/i);
    },
  );
});

it.each([
  ['"redis://:CANARY@a.test"', '--store must not be in quotation marks'],
  ["'postgres://u:CANARY@a.test/db'", '--store must not be in quotation marks'],
  ['redis://:CANARY@a.test\u200b', '--store must not end with an invisible character (U+200B)'],
  ['\ufeffmysql://u:CANARY@a.test/db', '--store must not begin with an invisible character (U+FEFF)'],
])('a URL with more around it is not taken for a directory of that name: %#', (text, message) => {
  expect(refusal(text)).toBe(message);
});

it.each(['redis//:CANARY@a.test', 'redis ://:CANARY@a.test', 'u:CANARY@a.test:5432/db', ':CANARY@a.test'])(
  'a mistyped URL with a password is not taken for a directory, whose name would be logged: %#',
  (text) => {
    const message = refusal(text);
    expect(message).toContain(
      '--store must be a directory (with ./ before a name that has a colon) or a URL of redis:',
    );
    expect(message).not.toContain('CANARY');
  },
);

it.each(['./a:b@c', '/srv/a:b@c', 'tokens@home', 'C:\\tokens@home', 'd:/tokens@home'])(
  'the store %s is a directory, although its name has signs of a URL',
  (path) => {
    expect(locate(path)).toEqual({ kind: 'directory', path, shown: path });
  },
);

describe('a URL that is split in the wrong place', () => {
  it.each([
    'redis://:CAN#ARY@a.test',
    'redis://:12#CANARY@a.test',
    'redis://:12/CANARY@a.test',
    'redis://:12?CANARY@a.test',
    'redis://:%zzCANARY@a.test',
    'redis:CANARY@a.test',
    'redis://a.test:CANARY',
    'postgres://u:CAN/ARY@a.test/db',
    'postgres://u:12/CANARY@a.test/db',
    'postgres://u:12#CANARY@a.test/db',
    'postgres://u:12?CANARY@a.test/db',
    'postgres://u:12?a=CANARY@a.test/db',
    'postgres://u:CANARY@/db',
    'mysql://u:12/CANARY@a.test/db',
    'mysql://u:CANARY%@a.test/db',
  ])('a URL with a wrong split is refused, and nothing of %s is shown', (text) => {
    const message = refusal(text);
    expect(message).toMatch(/^--store must be a URL like .*: a name or password .* has to be percent-encoded$/);
    expect(message).not.toMatch(/CANARY|\bCAN\b|\bARY\b|:12/);
  });

  it.each([
    ['redis:///', 'it has no host'],
    ['redis://CANARY@a.test', 'a password follows a colon, even without a user name'],
    ['redis://a.test/db', 'its path can only be the number of a database'],
    ['mysql:///db', 'it has no host'],
    ['mysql://a.test', 'its path must be the name of a database'],
    ['mysql://a.test/db?sslmode=require', 'TLS is enabled with ssl=true'],
    ['mysql://u@a.test/db?password=CANARY', 'the parameter password would have no effect: it belongs before the query'],
    ['mysql://a.test/db?ssl-mode=REQUIRED', 'TLS is enabled with ssl=true'],
    ['postgres://a.test/db?prefix=a', 'the parameter prefix is for Redis; use table instead'],
  ])('%s is refused: %s', (text, why) => {
    const message = refusal(text);
    expect(message).toMatch(/^--store must be a URL like /);
    expect(message).toContain(`: ${why}`);
    expect(message).not.toContain('CANARY');
  });

  it('a URL of Redis takes no unknown parameter', () => {
    expect(refusal('redis://a.test?CANARY=1')).toBe('--store: a URL of Redis accepts no parameter except prefix');
  });
});
