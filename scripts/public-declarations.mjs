// @ts-check
// This script removes all declarations from dist that users cannot reach. tsc writes a declaration file for every source
// file, but users import only the entry points of package.json. The rest stays in its module, so that a class that two
// entry points mention is one type. Declarations are found by name: a mention keeps everything of that name in its file,
// which may be more than necessary, and never less.
import { readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

/** @typedef {{ text: string, mentions: Set<string>, kept: boolean }} Declaration */
/** @typedef {{ text: string, name: string, from: string, kept: boolean }} Link */
/** @typedef {{ before: string, links: Link[], after: string }} Links - an import, or a re-export. */

/**
 * @typedef {object} Module
 * @property {(Declaration | Links)[]} statements
 * @property {Map<string, Declaration[]>} declared - several of one name where there are overloads.
 * @property {Map<string, Link>} linked
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @type {Map<string, Module>} */
const modules = new Map();
for (const target of Object.values(manifest.exports)) {
  if (typeof target === 'string') continue;
  const { declared, linked } = moduleOf(join(root, target.types));
  if (declared.size > 0) throw new Error(`${target.types} declares something itself`);
  for (const link of linked.values()) follow(link);
}
for (const path of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (!path.endsWith('.d.ts')) continue;
  const module = modules.get(join(dist, path));
  if (module === undefined) rmSync(join(dist, path));
  else writeFileSync(join(dist, path), module.statements.map(print).join('').trimStart());
}
removeEmptyFolders(dist);

/** @param {string} file */
function moduleOf(file) {
  let module = modules.get(file);
  if (module === undefined) {
    module = read(file);
    modules.set(file, module);
  }
  return module;
}

/**
 * @param {string} file
 * @returns {Module}
 */
function read(file) {
  const source = readFileSync(file, 'utf8');
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`);
  /** @type {Module} */
  const module = { statements: [], declared: new Map(), linked: new Map() };
  let end = 0;
  for (const node of program.body) {
    // The comment of a statement precedes it, and is kept or removed with it.
    const text = source.slice(end, node.end);
    const start = end;
    end = node.end;
    if ('source' in node && node.source !== null && 'specifiers' in node && node.specifiers.length > 0) {
      const from = node.source.value.startsWith('.') ? typesOf(resolve(dirname(file), node.source.value)) : '';
      const links = node.specifiers.map((specifier) => {
        const [there, here] = namesOf(specifier);
        const link = { text: source.slice(specifier.start, specifier.end), name: there, from, kept: false };
        module.linked.set(here, link);
        return link;
      });
      const [first, last] = [node.specifiers[0], node.specifiers.at(-1)];
      const before = source.slice(start, first?.start);
      module.statements.push({ before, links, after: source.slice(last?.end, end) });
      continue;
    }
    const declaration = { text, mentions: mentionsIn(node, new Set()), kept: false };
    module.statements.push(declaration);
    const names = declaredBy(node);
    // A module with `export {}` exports only what is marked so; without it, every declaration would be exported.
    if (names === undefined) declaration.kept = true;
    for (const name of names ?? []) module.declared.set(name, [...(module.declared.get(name) ?? []), declaration]);
  }
  module.statements.push({ text: source.slice(end), mentions: new Set(), kept: true });
  return module;
}

/** @param {string} path */
function typesOf(path) {
  return path.replace(/\.js$/, '.d.ts');
}

/**
 * Returns the name in the other module, and the name in this one.
 *
 * @param {import('oxc-parser').ImportDeclarationSpecifier | import('oxc-parser').ExportSpecifier} specifier
 */
function namesOf(specifier) {
  const [there, here] =
    specifier.type === 'ImportSpecifier'
      ? [specifier.imported, specifier.local]
      : specifier.type === 'ExportSpecifier'
        ? [specifier.local, specifier.exported]
        : [];
  if (there?.type !== 'Identifier' || here?.type !== 'Identifier') throw new Error(`unexpected ${specifier.type}`);
  return /** @type {const} */ ([there.name, here.name]);
}

/**
 * Returns the names that a statement declares; `undefined` for `export {}`.
 *
 * @param {import('oxc-parser').Directive | import('oxc-parser').Statement} node
 * @returns {string[] | undefined}
 */
function declaredBy(node) {
  switch (node.type) {
    case 'ExportNamedDeclaration':
      if (node.declaration !== null) return declaredBy(node.declaration);
      if (node.source === null && node.specifiers.length === 0) return undefined;
      break;
    case 'VariableDeclaration':
      return node.declarations.map(({ id }) => {
        if (id.type !== 'Identifier') throw new Error(`unexpected ${id.type}`);
        return id.name;
      });
    case 'ClassDeclaration':
    case 'TSDeclareFunction':
    case 'TSInterfaceDeclaration':
    case 'TSTypeAliasDeclaration':
      if (node.id !== null) return [node.id.name];
  }
  throw new Error(`unexpected ${node.type}`);
}

/**
 * @param {unknown} node
 * @param {Set<string>} names
 */
function mentionsIn(node, names) {
  if (typeof node !== 'object' || node === null) return names;
  const { type, name } = /** @type {{ type?: unknown, name?: unknown }} */ (node);
  if (type === 'TSImportType') throw new Error('unexpected import() in a declaration');
  if (type === 'Identifier' && typeof name === 'string') names.add(name);
  for (const child of Object.values(node)) mentionsIn(child, names);
  return names;
}

/** @param {Link} link */
function follow(link) {
  if (link.kept) return;
  link.kept = true;
  if (link.from === '') return;
  const module = moduleOf(link.from);
  const [declared, linked] = [module.declared.get(link.name), module.linked.get(link.name)];
  if (declared === undefined && linked === undefined) throw new Error(`${link.from} has no ${link.name}`);
  for (const declaration of declared ?? []) keep(declaration, module);
  if (linked !== undefined) follow(linked);
}

/**
 * @param {Declaration} declaration
 * @param {Module} module
 */
function keep(declaration, { declared, linked }) {
  const left = [declaration];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next.kept) continue;
    next.kept = true;
    for (const name of next.mentions) {
      left.push(...(declared.get(name) ?? []));
      const link = linked.get(name);
      if (link !== undefined) follow(link);
    }
  }
}

/** @param {Declaration | Links} statement */
function print(statement) {
  if (!('links' in statement)) return statement.kept ? statement.text : '';
  const kept = statement.links.filter((link) => link.kept);
  return kept.length === 0 ? '' : statement.before + kept.map((link) => link.text).join(', ') + statement.after;
}

/** @param {string} folder */
function removeEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name));
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
