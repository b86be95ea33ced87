import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
/** What starts a program that `npm test` must not need. */
const SERVERS = /^support\/servers\/(redis-server|redis-clients|postgres-server|mariadb-server|browser)\.ts$/;
/** Where such programs are at home, and the support files that start them only when they are asked to. */
const MAY_START_SERVERS = /^(servers|faults)\/|^support\//;

const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

/** Returns the files of `test` that a file imports by name. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(TESTS, file), 'utf8');
  return [...source.matchAll(/from '(\.{1,2}\/[^']+)\.js'/g)].map(([, path = '']) =>
    relative(TESTS, join(TESTS, dirname(file), `${path}.ts`)),
  );
}

test('only tests of test:servers and of faults import what starts a server or a browser', () => {
  const others = files.filter((file) => !MAY_START_SERVERS.test(file));
  const wrong = others.flatMap((file) =>
    importsOf(file)
      .filter((imported) => SERVERS.test(imported))
      .map((imported) => `${file} imports ${imported}`),
  );
  expect(others.length).toBeGreaterThan(200);
  expect(wrong).toEqual([]);
});

/** Tests of all rooms of the core together. */
const TOGETHER = /^core\/(behaviour|fleet)$/;

describe('the tests in test/unit', () => {
  const unit = files
    .filter((file) => file.startsWith('unit/') && file.endsWith('.test.ts'))
    .map((file) => ({ file, folder: dirname(relative('unit', file)), name: basename(file, '.test.ts') }))
    .filter(({ folder }) => !TOGETHER.test(folder));
  const sources = readdirSync(join(TESTS, '../src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );

  it('a unit test is in the folder of what it tests', () => {
    const folders = new Set(sources.map((file) => dirname(file)));
    expect(unit.length).toBeGreaterThan(150);
    expect(unit.filter(({ folder }) => !folders.has(folder)).map(({ file }) => file)).toEqual([]);
  });

  it('a unit test is in the folder of the source file that has its name', () => {
    const wrong = unit.filter(({ folder, name }) => {
      const ring = folder.split('/')[0] as string;
      const named = sources.filter((source) => source.startsWith(`${ring}/`) && basename(source, '.ts') === name);
      return named.length > 0 && !named.some((source) => dirname(source) === folder);
    });
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });
});

test('a test in test/stores takes only the stores of the run that it is part of', () => {
  const stores = files.filter((file) => file.startsWith('stores/'));
  expect(stores).not.toEqual([]);
  for (const file of stores) expect(importsOf(file), file).toContain('support/stores/this-run.ts');
});

test('the sources that benches and scripts import by their path exist', () => {
  const root = join(TESTS, '..');
  const places = ['bench', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(root, folder, file)),
  );
  const paths = places
    .filter((file) => file.endsWith('.mjs'))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\bimportTypeScript\('([^']+)'\)/g)])
    .map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(5);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test('the files that a configuration of Vitest starts first exist, and are named once', () => {
  const configs = ['vitest.config.ts', 'vitest.faults.config.ts'];
  for (const config of configs) {
    const source = readFileSync(join(TESTS, '..', config), 'utf8');
    const [, list = ''] = /const LONGEST = \[([^\]]*)\]/.exec(source) ?? [];
    const longest = [...list.matchAll(/'test\/([^']+)'/g)].map(([, file = '']) => file);
    expect(longest.length, config).toBeGreaterThan(5);
    expect(new Set(longest).size, config).toBe(longest.length);
    expect(files, config).toEqual(expect.arrayContaining(longest));
  }
});

test('tests left out of the project on a shared schedule do not depend on the project', () => {
  const config = readFileSync(join(TESTS, '../vitest.config.ts'), 'utf8');
  const [, list = ''] = /const BOTH_SCHEDULES = \[([^\]]*)\]/.exec(config) ?? [];
  const both = [...list.matchAll(/'test\/([^']+)'/g)].map(([, file = '']) => file);
  expect(both).not.toEqual([]);
  for (const file of both) {
    const source = readFileSync(join(TESTS, file), 'utf8');
    expect(source, file).toContain('a store that shares the schedule');
    expect(source, file).not.toMatch(/fleet-mode|World\((?!\{ fleet: )/);
  }
});

/** What outlives a file of tests: replaced modules and globals, what is changed of the process, and urllib, which patches sockets. */
const OUTLIVES =
  /\bvi\.(mock|doMock|stub\w+|useFakeTimers)\(|\bprocess\.(once|chdir)\(|\bprocess\.env\.\w+ =|\burllib'/;

describe('the tests that share a process', () => {
  const config = readFileSync(join(TESTS, '../vitest.config.ts'), 'utf8');
  const [, listed = ''] = /const ALONE = \[([^\]]*)\]/.exec(config) ?? [];
  const alone = [...listed.matchAll(/'test\/([^'*]+\.test\.ts)'/g)].map(([, file = '']) => file);
  const together = files.filter(
    (file) => /^(unit\/.*|contract\/.*|stores\/sql-.*)\.test\.ts$/.test(file) && !alone.includes(file),
  );

  it('the tests that share a process are all but those that vitest.config.ts names', () => {
    expect(alone.length).toBeGreaterThan(0);
    for (const file of alone) expect(files).toContain(file);
    expect(together.length).toBeGreaterThan(200);
  });

  it('the tests that share a process leave nothing behind in it', () => {
    for (const file of together) {
      const source = readFileSync(join(TESTS, file), 'utf8');
      expect(source, file).not.toMatch(OUTLIVES);
      if (source.includes('vi.spyOn(')) expect(source, file).toContain('vi.restoreAllMocks(');
      expect(source.split('process.on(').length, file).toBe(source.split('process.off(').length);
    }
  });
});
