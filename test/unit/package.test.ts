import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lockEntry, missingOptional } from '../../scripts/complete-lock.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const manifest = JSON.parse(read('package.json'));
const subpaths: string[] = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json');

/** Returns the source file of a built file. */
function sourceOf(built: string): string {
  return built.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
}

describe('package.json', () => {
  it('package.json has an entry point for each source folder with an index, and no other', () => {
    const folders = ['src', 'src/stores'].flatMap((place) =>
      readdirSync(join(root, place)).map((name) => `${place}/${name}/index.ts`),
    );
    const expected = ['src/index.ts', ...folders.filter((file) => existsSync(join(root, file)))].sort();
    const built = subpaths.map((subpath) => sourceOf(manifest.exports[subpath].default));
    expect(built.filter((file) => file.endsWith('/index.ts')).sort()).toEqual(expected);
  });

  it.each(subpaths)('the entry point %s has a source file, and types before code', (subpath) => {
    const target = manifest.exports[subpath];
    expect(Object.keys(target)).toEqual(['types', 'default']);
    expect(target.types).toBe(target.default.replace(/\.js$/, '.d.ts'));
    expect(existsSync(join(root, sourceOf(target.default)))).toBe(true);
  });

  it('typesVersions says the same as the export map', () => {
    expect(manifest.main).toBe(manifest.exports['.'].default);
    expect(manifest.types).toBe(manifest.exports['.'].types);
    const old = Object.entries<string[]>(manifest.typesVersions['*']).map(([name, files]) => [`./${name}`, files]);
    const rest = subpaths.filter((subpath) => subpath !== '.');
    expect(Object.fromEntries(old)).toEqual(
      Object.fromEntries(rest.map((subpath) => [subpath, [manifest.exports[subpath].types]])),
    );
  });

  it('dependencies are ranges that a user can share, and nothing runs on installation', () => {
    for (const range of Object.values<string>(manifest.dependencies)) expect(range).toMatch(/^\^/);
    // npm 11 asks for approval of these, of `prepare` also where the package was installed from a tarball or a Git reference.
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts).not.toHaveProperty(script);
    }
  });

  it('a clone is built on its installation, and so is what is packed or installed from Git', () => {
    expect(manifest.scripts).toMatchObject({
      dependencies: manifest.scripts.prepack,
      prepack: 'npm run build --silent',
    });
  });
});

describe('package-lock.json', () => {
  const lock = JSON.parse(read('package-lock.json'));

  it('package-lock.json matches package.json', () => {
    const { dependencies, devDependencies, version } = lock.packages[''];
    expect({ dependencies, devDependencies, version }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
      version: manifest.version,
    });
  });

  it('package-lock.json has an entry for every platform, so that npm ci works on each', () => {
    expect(missingOptional(lock.packages)).toEqual([]);
    const dependencies = { 'a-linux-x64-musl': '1.0.0', 'b-win32-arm64': '2.0.0', nested: '3.0.0' };
    const parent = { dev: true, optionalDependencies: dependencies };
    const packages = { '': {}, 'node_modules/p': parent, 'node_modules/p/node_modules/nested': {} };
    const [musl, windows, ...rest] = missingOptional(packages).map(lockEntry);
    expect(rest).toEqual([]);
    expect(musl).toEqual({ version: '1.0.0', cpu: ['x64'], dev: true, libc: ['musl'], optional: true, os: ['linux'] });
    expect(windows).toEqual({ version: '2.0.0', cpu: ['arm64'], dev: true, optional: true, os: ['win32'] });
    expect(() => lockEntry({ name: 'c-linux-x64', range: '^1.0.0', dev: false })).toThrow('no exact version');
  });

  it('package-lock.json names no registry', () => {
    const resolved = Object.values<{ resolved?: string }>(lock.packages).flatMap((entry) => entry.resolved ?? []);
    expect(resolved).toEqual([]);
  });
});
