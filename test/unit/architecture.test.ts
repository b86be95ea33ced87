import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';

/** Path under src, with `/`, to source text. */
type Sources = ReadonlyMap<string, string>;

interface Ring {
  /** The rings, folders or files that it may import besides itself. */
  readonly imports: readonly string[];
  /** The packages that it may import. */
  readonly packages: readonly string[];
  /** Modules of Node: all or none but those named. */
  readonly builtins: boolean | readonly string[];
}

/** Imports point inwards: who may import what. A new ring needs a line here. */
const RINGS: Readonly<Record<string, Ring>> = {
  core: { imports: [], packages: ['eventemitter3', 'lru-cache', 'flatqueue'], builtins: ['node:crypto'] },
  stores: { imports: ['core'], packages: [], builtins: true },
  wechat: { imports: ['core'], packages: ['undici', 'p-retry'], builtins: true },
  callbacks: { imports: ['core', 'wechat/load-undici.ts'], packages: ['undici', 'ipaddr.js'], builtins: true },
  gateway: { imports: ['core', 'wechat'], packages: ['undici'], builtins: true },
  platform: { imports: ['core', 'callbacks'], packages: ['lru-cache'], builtins: ['node:crypto'] },
  http: {
    imports: [
      'core',
      'callbacks',
      'gateway',
      'platform',
      'wechat/hosts-of.ts',
      'wechat/token-parameter.ts',
      'version.ts',
    ],
    packages: ['ipaddr.js'],
    builtins: true,
  },
  'push-server': { imports: ['core', 'http', 'platform'], packages: [], builtins: false },
  page: { imports: [], packages: [], builtins: false },
  // The doubles judge what receives pushes, and share none of its code: a fault there would be hidden by the same one here.
  testing: { imports: ['core', 'wechat/error-table.ts'], packages: [], builtins: true },
  'version.ts': { imports: [], packages: [], builtins: false },
  'token-manager.ts': { imports: ['core', 'wechat', 'stores/memory.ts'], packages: [], builtins: true },
  'index.ts': { imports: ['core', 'stores', 'wechat', 'token-manager.ts'], packages: [], builtins: false },
  cli: {
    imports: ['core', 'stores', 'wechat', 'callbacks', 'http', 'token-manager.ts', 'version.ts'],
    packages: ['undici'],
    builtins: true,
  },
};

/**
 * The rooms of a ring, which are its folders, the innermost first: a file may import its own room and those before it. The
 * room '' is the files of the ring's own folder.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: [
    'primitives',
    'concurrency',
    'model/push',
    'model',
    'calls',
    'store',
    'records',
    'registry',
    'refresh',
    'schedule',
    'pushes',
    'engine',
  ],
  platform: [
    'xml',
    'envelope',
    'content',
    'messages',
    'work',
    'failures',
    'authorizations',
    'authorizers',
    'recovery',
    'exchanges',
    'release-check',
    'forwarding',
    'pushes',
  ],
  http: [
    'messages',
    'manager',
    'access',
    'edges',
    'routing',
    'contracts/scheduler',
    'contracts/wetoken',
    'contracts/native',
    'contracts/wechat',
    'contracts/proxy',
    'contracts/push',
    'contracts/platform',
    'health',
    'metrics',
    'page',
    '',
  ],
  cli: [
    'failures',
    'io',
    'args',
    'output',
    'client',
    'databases',
    'serve/processes',
    'serve/log',
    'serve/primary',
    'serve/worker',
    'serve',
    'commands',
    '',
  ],
  page: ['words', 'tasks', 'server', 'views', ''],
};
const MAX_FILES_OF_A_FOLDER = 24;

/** The one command that may import the doubles: it runs one. */
const FAKE_COMMAND = 'cli/commands/fake.ts';

/** The folders that may import Kysely, which is installed only by those who use it; the command loads its own on demand. */
const SQL_STORE = ['stores/sql/', 'cli/databases/'];
const SQL_PACKAGE = 'kysely';

/** Packages that cost so much to load that only `import()` may do it, and only when they are needed. */
const LAZY = new Set(['undici']);
/** The one file of the core that may know the real time. */
const SYSTEM_CLOCK = 'core/concurrency/clock.ts';
/** The one file that may compare with the classes of this realm: elsewhere an object of another realm would not count. */
const FOREIGN_OBJECTS = 'core/primitives/foreign-objects.ts';
/** The page runs in a browser, on its own. */
const BROWSER = 'page/';
const FORBIDDEN_NAMES = /^(utils?|common|helpers?|types?|misc|shared)$/;
const MAX_CODE_LINES = 300;

const FORBIDDEN_GLOBALS = new Set([
  'process',
  'console',
  'performance',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'globalThis',
]);
const FORBIDDEN_MEMBERS = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout']);

interface Import {
  readonly specifier: string;
  readonly how: 'type' | 'static' | 'dynamic';
}

interface Node {
  readonly type: string;
  readonly [property: string]: unknown;
}

function parse(path: string, text: string): Node {
  const { program, errors } = parseSync(path, text);
  if (errors[0] !== undefined) throw new Error(`${path}: ${errors[0].message}`);
  return program as unknown as Node;
}

function* walk(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && typeof child.type === 'string') yield* walk(child as Node);
    }
  }
}

/** The imports of each text, by its path and itself: several checks go by them. */
const readImports = new Map<string, readonly Import[]>();

function importsOf(path: string, text: string): readonly Import[] {
  const name = `${path}\n${text}`;
  const read = readImports.get(name) ?? parsedImports(path, text);
  readImports.set(name, read);
  return read;
}

function parsedImports(path: string, text: string): Import[] {
  const imports: Import[] = [];
  for (const node of walk(parse(path, text))) {
    if (!/^(Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$|^TSImportType$/.test(node.type)) continue;
    if (node.source === null) continue;
    const { value } = node.source as { value?: unknown };
    if (typeof value !== 'string') throw new Error(`${path} imports something that is not named in its text`);
    const isType = node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type';
    imports.push({ specifier: value, how: node.type === 'ImportExpression' ? 'dynamic' : isType ? 'type' : 'static' });
  }
  return imports;
}

function ringOf(path: string): string {
  return path.split('/')[0] as string;
}

function targetOf(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
}

/** Returns the files of this package that a file imports. */
function targetsOf(path: string, text: string): string[] {
  return importsOf(path, text).flatMap(({ specifier }) =>
    specifier.startsWith('.') ? [targetOf(path, specifier)] : [],
  );
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier);
}

function wrongImports(sources: Sources): string[] {
  const problems: string[] = [];
  for (const [path, text] of sources) {
    const ring = RINGS[ringOf(path)];
    if (ring === undefined) {
      problems.push(`${path} is in no ring`);
      continue;
    }
    for (const { specifier, how } of importsOf(path, text)) {
      if (specifier.startsWith('.')) {
        const target = targetOf(path, specifier);
        const allowed = [ringOf(path), ...ring.imports, ...(path === FAKE_COMMAND ? ['testing'] : [])];
        if (!sources.has(target)) problems.push(`${path} imports ${target}, which is not there`);
        else if (!allowed.some((name) => target === name || target.startsWith(`${name}/`))) {
          problems.push(`${path} imports ${target}`);
        }
      } else if (isBuiltin(specifier)) {
        const { builtins } = ring;
        const isAllowed = typeof builtins === 'boolean' ? builtins : builtins.includes(specifier);
        if (!isAllowed) problems.push(`${path} imports ${specifier}`);
      } else if (specifier === SQL_PACKAGE && SQL_STORE.some((folder) => path.startsWith(folder))) {
        // Its entry point is a part of the package of its own.
      } else if (!ring.packages.includes(specifier)) problems.push(`${path} imports ${specifier}`);
      else if (LAZY.has(specifier) && how === 'static') problems.push(`${path} imports ${specifier} eagerly`);
    }
  }
  return problems;
}

/** Returns the place of a file's room in its ring: -1 when it is in none; `undefined` in a ring without rooms. */
function roomOf(path: string): number | undefined {
  const ring = ringOf(path);
  return ROOMS[ring]?.indexOf(posix.dirname(path).slice(ring.length + 1));
}

function wrongRooms(sources: Sources): string[] {
  const problems: string[] = [];
  for (const [path, text] of sources) {
    const room = roomOf(path);
    if (room === undefined) continue;
    if (room === -1) problems.push(`${path} is in no room`);
    for (const target of targetsOf(path, text)) {
      if (ringOf(target) === ringOf(path) && (roomOf(target) ?? -1) > room) problems.push(`${path} imports ${target}`);
    }
  }
  return problems;
}

function fullFolders(sources: Sources): string[] {
  const sizes = new Map<string, number>();
  for (const folder of [...sources.keys()].map(posix.dirname)) sizes.set(folder, (sizes.get(folder) ?? 0) + 1);
  return [...sizes]
    .filter(([, size]) => size > MAX_FILES_OF_A_FOLDER)
    .map(([folder, size]) => `${folder} has ${size} files`);
}

function cycles(sources: Sources): string[] {
  return roundTrips(new Map([...sources].map(([path, text]) => [path, targetsOf(path, text)])));
}

/** Returns the circles of folders: one that imports a folder inside it must not be imported from there. */
function folderCycles(sources: Sources): string[] {
  const arrows = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    const folder = posix.dirname(path);
    const others = targetsOf(path, text).map(posix.dirname);
    arrows.set(folder, new Set([...(arrows.get(folder) ?? []), ...others.filter((other) => other !== folder)]));
  }
  return roundTrips(arrows);
}

/** Returns the ways along the arrows that lead back to where they begin. */
function roundTrips(arrows: ReadonlyMap<string, Iterable<string>>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (place: string, trail: readonly string[]): void => {
    const start = trail.indexOf(place);
    if (start !== -1) found.push([...trail.slice(start), place].join(' -> '));
    if (start !== -1 || done.has(place)) return;
    for (const target of arrows.get(place) ?? []) visit(target, [...trail, place]);
    done.add(place);
  };
  for (const place of arrows.keys()) visit(place, []);
  return found;
}

function outsideWorld(sources: Sources): string[] {
  const problems: string[] = [];
  for (const [path, text] of sources) {
    if (ringOf(path) !== 'core' || path === SYSTEM_CLOCK) continue;
    for (const name of globalsOf(parse(path, text))) problems.push(`${path} uses ${name}`);
  }
  return problems;
}

function globalsOf(program: Node): string[] {
  const names: string[] = [];
  /** Identifiers that name a property, a method or a member of a type, and no variable. */
  const properties = new Set<unknown>();
  for (const node of walk(program)) {
    if (node.computed === false && 'property' in node) properties.add(node.property);
    if (node.computed === false && 'key' in node && node.shorthand !== true) properties.add(node.key);
    if (node.type === 'MemberExpression' && node.computed === false) {
      const name = `${nameOf(node.object)}.${nameOf(node.property)}`;
      if (FORBIDDEN_MEMBERS.has(name)) names.push(name);
    }
    const now = (node.type === 'NewExpression' || node.type === 'CallExpression') && nameOf(node.callee) === 'Date';
    if (now && (node.arguments as unknown[]).length === 0) names.push('Date()');
    if (node.type === 'Identifier' && !properties.has(node) && FORBIDDEN_GLOBALS.has(nameOf(node))) {
      names.push(nameOf(node));
    }
  }
  return names;
}

function nameOf(node: unknown): string {
  return (node as { name?: string }).name ?? '';
}

function realmChecks(sources: Sources): string[] {
  const problems: string[] = [];
  for (const [path, text] of sources) {
    if (path === FOREIGN_OBJECTS || path.startsWith(BROWSER)) continue;
    for (const node of walk(parse(path, text))) {
      if (node.type !== 'BinaryExpression' || node.operator !== 'instanceof') continue;
      const name = nameOf(node.right);
      if (name in globalThis) problems.push(`${path} asks for an instance of ${name}`);
    }
  }
  return problems;
}

function logicInIndex(sources: Sources): string[] {
  const problems: string[] = [];
  for (const [path, text] of sources) {
    if (posix.basename(path) !== 'index.ts') continue;
    for (const node of parse(path, text).body as Node[]) {
      const reExport = /^Export(Named|All)Declaration$/.test(node.type) && node.source !== null;
      if (!reExport) problems.push(`${path} has a ${node.type}`);
    }
  }
  return problems;
}

function badNames(sources: Sources): string[] {
  return [...sources.keys()].filter((path) =>
    path.split('/').some((segment) => FORBIDDEN_NAMES.test(segment.replace(/\.ts$/, ''))),
  );
}

function tooLong(sources: Sources): string[] {
  return [...sources].filter(([path, text]) => codeLines(path, text) > MAX_CODE_LINES).map(([path]) => path);
}

/** Lines with something other than comments and white space. */
function codeLines(path: string, text: string): number {
  let code = text;
  for (const { start, end } of parseSync(path, text).comments) {
    code = code.slice(0, start) + code.slice(start, end).replace(/[^\n]/g, ' ') + code.slice(end);
  }
  return code.split('\n').filter((line) => line.trim() !== '').length;
}

function readSources(): Sources {
  const src = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return new Map(files.map((file) => [file.replaceAll('\\', '/'), readFileSync(join(src, file), 'utf8')]));
}

const sources = readSources();
const files = (texts: Record<string, string>): Sources => new Map(Object.entries(texts));

describe('the source of this package', () => {
  it('the source imports inwards only', () => {
    expect(wrongImports(sources)).toEqual([]);
  });

  it('the files of the core, platform, server, command and page are in rooms that import only earlier ones', () => {
    expect(wrongRooms(sources)).toEqual([]);
  });

  it('every listed room exists', () => {
    const folders = new Set([...sources.keys()].map(posix.dirname));
    const rooms = Object.entries(ROOMS).flatMap(([ring, names]) => names.map((name) => posix.join(ring, name)));
    expect(rooms.filter((room) => !folders.has(room))).toEqual([]);
  });

  it('a folder has at most 24 files', () => {
    expect(fullFolders(sources)).toEqual([]);
  });

  it('no folders import each other in a cycle, not even a folder and its subfolder', () => {
    expect(folderCycles(sources)).toEqual([]);
  });

  it('no files import each other in a cycle, not even for types', () => {
    expect(cycles(sources)).toEqual([]);
  });

  it('the core reaches time, randomness and the process through ports only', () => {
    expect(outsideWorld(sources)).toEqual([]);
  });

  it('objects that may be of another realm are recognized by their shape', () => {
    expect(realmChecks(sources)).toEqual([]);
  });

  it('index files have no logic', () => {
    expect(logicInIndex(sources)).toEqual([]);
  });

  it('no file or folder has a catch-all name', () => {
    expect(badNames(sources)).toEqual([]);
  });

  it('no file has more than 300 lines of code', () => {
    expect(tooLong(sources)).toEqual([]);
  });
});

describe('the checks of the source', () => {
  it.each([
    ['core/a.ts', "import { b } from '../wechat/b.js';", 'core/a.ts imports wechat/b.ts'],
    ['core/a.ts', "import type { B } from '../wechat/b.js';", 'core/a.ts imports wechat/b.ts'],
    ['core/a.ts', "export * from '../wechat/b.js';", 'core/a.ts imports wechat/b.ts'],
    ['core/a.ts', "export type B = import('../wechat/b.js').B;", 'core/a.ts imports wechat/b.ts'],
    ['core/a.ts', "import '../token-manager.js';", 'core/a.ts imports token-manager.ts'],
    ['core/a.ts', "import { join } from 'node:path';", 'core/a.ts imports node:path'],
    ['core/a.ts', "import { join } from 'path';", 'core/a.ts imports path'],
    ['core/a.ts', "import { request } from 'undici';", 'core/a.ts imports undici'],
    ['core/a.ts', "import './gone.js';", 'core/a.ts imports core/gone.ts, which is not there'],
    ['stores/a.ts', "import '../wechat/b.js';", 'stores/a.ts imports wechat/b.ts'],
    ['stores/a.ts', "import retry from 'p-retry';", 'stores/a.ts imports p-retry'],
    ['stores/a.ts', "import type { Kysely } from 'kysely';", 'stores/a.ts imports kysely'],
    ['stores/sql/a.ts', "import retry from 'p-retry';", 'stores/sql/a.ts imports p-retry'],
    ['wechat/a.ts', "import '../stores/memory.js';", 'wechat/a.ts imports stores/memory.ts'],
    ['wechat/a.ts', "import { request } from 'undici';", 'wechat/a.ts imports undici eagerly'],
    ['wechat/a.ts', "import { type Agent } from 'undici';", 'wechat/a.ts imports undici eagerly'],
    ['wechat/a.ts', "import '../index.js';", 'wechat/a.ts imports index.ts'],
    ['token-manager.ts', "import './stores/file.js';", 'token-manager.ts imports stores/file.ts'],
    ['testing/a.ts', "import '../wechat/b.js';", 'testing/a.ts imports wechat/b.ts'],
    ['testing/a.ts', "import '../token-manager.js';", 'testing/a.ts imports token-manager.ts'],
    ['testing/a.ts', "import '../platform/envelope/c.js';", 'testing/a.ts imports platform/envelope/c.ts'],
    ['cli/commands/list.ts', "import '../../testing/b.js';", 'cli/commands/list.ts imports testing/b.ts'],
    ['http/a.ts', "import '../cli/main.js';", 'http/a.ts imports cli/main.ts'],
    ['extra/a.ts', '', 'extra/a.ts is in no ring'],
  ])('the check finds a wrong import: %s: %s', (path, text, problem) => {
    const others = { 'wechat/b.ts': '', 'stores/memory.ts': '', 'stores/file.ts': '', 'index.ts': '' };
    const outer = { 'token-manager.ts': '', 'testing/b.ts': '', 'cli/main.ts': '', 'platform/envelope/c.ts': '' };
    expect(wrongImports(files({ ...others, ...outer, [path]: text }))).toEqual([problem]);
  });

  it.each([
    ['core/a.ts', "import { b } from './b.js'; import { LRUCache } from 'lru-cache';"],
    ['core/a.ts', "// import '../wechat/b.js'\nexport const text = \"import '../wechat/b.js'\";"],
    ['wechat/a.ts', "import type { Agent } from 'undici'; export const load = () => import('undici');"],
    ['wechat/a.ts', "import retry from 'p-retry'; import '../core/b.js'; import 'node:crypto';"],
    ['token-manager.ts', "import './core/b.js'; import './wechat/client.js'; import './stores/memory.js';"],
    ['testing/a.ts', "import '../wechat/error-table.js'; import 'node:http';"],
    ['stores/sql/a.ts', "import { sql } from 'kysely';"],
    ['index.ts', "export { b } from './core/b.js';"],
    ['cli/commands/fake.ts', "import '../../testing/b.js'; import '../../stores/memory.js';"],
  ])('the check accepts a right import: %s: %s', (path, text) => {
    const others = { 'core/b.ts': '', 'wechat/client.ts': '', 'wechat/error-table.ts': '', 'stores/memory.ts': '' };
    expect(wrongImports(files({ ...others, 'testing/b.ts': '', [path]: text }))).toEqual([]);
  });

  it.each([
    ['core/a.ts', '', 'core/a.ts is in no room'],
    ['core/attic/a.ts', '', 'core/attic/a.ts is in no room'],
    ['core/model/inner/a.ts', '', 'core/model/inner/a.ts is in no room'],
    ['core/model/a.ts', "import '../store/b.js';", 'core/model/a.ts imports core/store/b.ts'],
    ['core/model/a.ts', "import type { B } from '../store/b.js';", 'core/model/a.ts imports core/store/b.ts'],
  ])('the check finds a file in a wrong room: %s: %s', (path, text, problem) => {
    expect(wrongRooms(files({ [path]: text, 'core/store/b.ts': '' }))).toEqual([problem]);
  });

  it.each([
    ['http/access/a.ts', "import '../routing/b.js';", 'http/access/a.ts imports http/routing/b.ts'],
    ['http/routing/a.ts', "import '../handler.js';", 'http/routing/a.ts imports http/handler.ts'],
    ['http/extra/a.ts', '', 'http/extra/a.ts is in no room'],
    ['cli/io/a.ts', "import type { B } from '../run.js';", 'cli/io/a.ts imports cli/run.ts'],
    ['cli/serve/log/a.ts', "import '../worker/b.js';", 'cli/serve/log/a.ts imports cli/serve/worker/b.ts'],
    ['page/words/a.ts', "import '../views/b.js';", 'page/words/a.ts imports page/views/b.ts'],
  ])('the check finds a wrong import between rooms outside the core: %s: %s', (path, text, problem) => {
    const others = { 'http/routing/b.ts': '', 'http/handler.ts': '', 'cli/run.ts': '' };
    const more = { 'cli/serve/worker/b.ts': '', 'page/views/b.ts': '' };
    expect(wrongRooms(files({ ...others, ...more, [path]: text }))).toEqual([problem]);
  });

  it('a room may import itself, earlier rooms and other rings', () => {
    const right = "import './c.js'; import '../primitives/d.js';";
    expect(wrongRooms(files({ 'core/store/a.ts': right, 'http/a.ts': "import '../core/engine/e.js';" }))).toEqual([]);
  });

  it('the check finds a folder with too many files', () => {
    const full = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`stores/redis/f${index}.ts`, '']));
    expect(fullFolders(files(full))).toEqual(['stores/redis has 25 files']);
    expect(fullFolders(files({ ...full, 'stores/redis/f24.ts': '', 'stores/redis/inner/a.ts': '' }))).toHaveLength(1);
    expect(fullFolders(new Map(Object.entries(full).slice(1)))).toEqual([]);
  });

  it('the check finds a cycle of folders without a cycle of files', () => {
    const there = { 'stores/a.ts': "import './sql/b.js';", 'stores/sql/b.ts': '' };
    expect(folderCycles(files(there))).toEqual([]);
    const back = { ...there, 'stores/sql/c.ts': "import type { D } from '../d.js';", 'stores/d.ts': '' };
    expect(folderCycles(files(back))).toEqual(['stores -> stores/sql -> stores']);
    expect(cycles(files(back))).toEqual([]);
  });

  it('the check finds an import cycle, also of types', () => {
    const round = { 'core/a.ts': "import './b.js';", 'core/b.ts': "import type { C } from './c.js';" };
    expect(cycles(files({ ...round, 'core/c.ts': "export * from './a.js';" }))).toEqual([
      'core/a.ts -> core/b.ts -> core/c.ts -> core/a.ts',
    ]);
    expect(cycles(files({ ...round, 'core/c.ts': '' }))).toEqual([]);
  });

  it.each([
    ['Date.now()', 'Date.now'],
    ['new Date()', 'Date()'],
    ['setTimeout(() => {}, 1)', 'setTimeout'],
    ['[1].map(setInterval)', 'setInterval'],
    ['setImmediate(() => {})', 'setImmediate'],
    ['Math.random()', 'Math.random'],
    ['performance.now()', 'performance'],
    ['process.env.HOME', 'process'],
    ['console.log(1)', 'console'],
    ['fetch("http://127.0.0.1")', 'fetch'],
    ['AbortSignal.timeout(1)', 'AbortSignal.timeout'],
  ])('the check finds the outside world in the core: %s', (text, name) => {
    expect(outsideWorld(files({ 'core/a.ts': text }))).toEqual([`core/a.ts uses ${name}`]);
    expect(outsideWorld(files({ 'core/concurrency/clock.ts': text, 'stores/a.ts': text }))).toEqual([]);
  });

  it.each([
    'queueMicrotask(() => {})',
    'new Date(0)',
    'clock.setTimeout()',
    '// Date.now()',
    '"process.exit"',
    'export const clock = { performance: 1 };',
    'export interface Clock { setTimeout(): void }',
  ])('the check lets the core use what it may: %s', (text) => {
    expect(outsideWorld(files({ 'core/a.ts': text }))).toEqual([]);
  });

  it.each(['Error', 'TypeError', 'Promise', 'AbortSignal', 'Response', 'Uint8Array', 'URL', 'Map', 'Date'])(
    'the check finds instanceof with a class of this realm: %s',
    (name) => {
      const text = `export const is = (value: unknown) => value instanceof ${name};`;
      expect(realmChecks(files({ 'stores/a.ts': text }))).toEqual([`stores/a.ts asks for an instance of ${name}`]);
      expect(realmChecks(files({ 'core/primitives/foreign-objects.ts': text, 'page/a.ts': text }))).toEqual([]);
    },
  );

  it('the check accepts instanceof with a class of this package', () => {
    const text = 'class Refusal extends Error {}\nexport const is = (value: unknown) => value instanceof Refusal;';
    expect(realmChecks(files({ 'stores/a.ts': text }))).toEqual([]);
  });

  it('the check finds logic in an index file', () => {
    const text = "export { a } from './a.js';\nexport const b = 1;";
    expect(logicInIndex(files({ 'index.ts': text }))).toEqual(['index.ts has a ExportNamedDeclaration']);
    expect(logicInIndex(files({ 'testing/index.ts': "import './a.js';" }))).toHaveLength(1);
    expect(logicInIndex(files({ 'index.ts': "export * from './a.js';\nexport type { B } from './b.js';" }))).toEqual(
      [],
    );
  });

  it('the check finds a catch-all name', () => {
    const names = ['core/utils.ts', 'core/types.ts', 'helpers/a.ts', 'common.ts', 'stores/misc.ts', 'shared/b.ts'];
    expect(badNames(new Map(names.map((name) => [name, ''])))).toEqual(names);
    expect(badNames(files({ 'core/model/token-record.ts': '', 'core/sharedness.ts': '' }))).toEqual([]);
  });

  it('the check finds a file that is too long, not counting comments', () => {
    const comments = '/**\n * why\n */\n// because\n\n'.repeat(300);
    expect(tooLong(files({ 'core/a.ts': `${comments}${'a();\n'.repeat(300)}` }))).toEqual([]);
    expect(tooLong(files({ 'core/a.ts': 'a(); // why\n'.repeat(301) }))).toEqual(['core/a.ts']);
  });
});
