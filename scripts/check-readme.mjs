// @ts-check
// The first code that a user tries must work, in both languages: every TypeScript block of the READMEs is a region of a
// compiled example, and both READMEs have the same shape. `--write` copies the regions into the READMEs.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const READMES = ['README.md', 'README.zh-CN.md'];
const FENCE = /^(`{3,})(\S*)(.*)$/;
const MARKER = /^<!-- example: (\S+?)#(\S+) -->$/;
const REGION = /^\s*\/\/ #(region|endregion)\b\s*(\S*)/;
const COMPILED = new Set(['ts', 'typescript', 'js', 'javascript', 'mjs', 'cjs', 'tsx', 'jsx']);
const EXEMPT = new Set(['sh', 'json', 'nginx', 'text']);

/**
 * @typedef {object} Block
 * @property {string} language
 * @property {number} line the line of its opening fence, from 1
 * @property {string} code
 * @property {{ file: string, region: string } | undefined} example
 */

/**
 * @param {string} markdown
 * @returns {{ headings: string[], blocks: Block[], links: string[] }}
 */
export function parseReadme(markdown) {
  /** @type {string[]} */
  const headings = [];
  /** @type {Block[]} */
  const blocks = [];
  /** @type {string[]} */
  const links = [];
  const lines = markdown.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const [, fence, language = ''] = FENCE.exec(line) ?? [];
    if (fence === undefined) {
      if (/^#{1,6} /.test(line)) headings.push(line);
      for (const [, target = ''] of line.matchAll(/\]\(([^)\s]+)\)/g)) links.push(target);
      continue;
    }
    const end = lines.indexOf(fence, index + 1);
    if (end === -1) throw new Error(`line ${index + 1}: this code block is never closed`);
    const [, file, region] = MARKER.exec(lines[index - 1] ?? '') ?? [];
    const example = file === undefined || region === undefined ? undefined : { file, region };
    blocks.push({ language, line: index + 1, code: lines.slice(index + 1, end).join('\n'), example });
    index = end;
  }
  return { headings, blocks, links };
}

/**
 * The lines between `// #region name` and `// #endregion`, moved to the left, without the markers of regions within.
 *
 * @param {string} source
 * @param {string} name
 */
export function region(source, name) {
  /** @type {string[]} */
  const lines = [];
  let depth = 0;
  let closed = false;
  for (const line of source.split('\n')) {
    const [, mark, marked] = REGION.exec(line) ?? [];
    if (mark === 'region' && (depth > 0 || (marked === name && !closed))) depth += 1;
    else if (mark === 'endregion' && depth > 0) {
      depth -= 1;
      closed = depth === 0;
    } else if (mark === undefined && depth > 0) lines.push(line);
  }
  if (!closed) throw new Error(`no region "${name}" that is opened and closed`);
  while (lines[0]?.trim() === '') lines.shift();
  while (lines.at(-1)?.trim() === '') lines.pop();
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(indent)).join('\n');
}

/**
 * What is wrong with the code blocks of one README.
 *
 * @param {string} markdown
 * @param {(file: string) => string} readExample
 */
export function blockProblems(markdown, readExample) {
  /** @type {string[]} */
  const problems = [];
  for (const { language, line, code, example } of parseReadme(markdown).blocks) {
    if (example === undefined) {
      if (COMPILED.has(language))
        problems.push(`line ${line}: a ${language} block without "<!-- example: file#region -->"`);
      else if (!EXEMPT.has(language)) problems.push(`line ${line}: a block in "${language}", which no check knows`);
      continue;
    }
    try {
      if (code !== region(readExample(example.file), example.region)) {
        problems.push(`line ${line}: not the same as examples/${example.file}#${example.region}`);
      }
    } catch (error) {
      problems.push(`line ${line}: examples/${example.file}: ${/** @type {Error} */ (error).message}`);
    }
  }
  return problems;
}

/**
 * Where two READMEs differ in shape: the levels of their headings, and their code blocks.
 *
 * @param {string} one
 * @param {string} other
 */
export function shapeProblems(one, other) {
  const [a, b] = [parseReadme(one), parseReadme(other)];
  /** @type {string[]} */
  const problems = [];
  for (let index = 0; index < Math.max(a.headings.length, b.headings.length); index++) {
    const [left = 'nothing', right = 'nothing'] = [a.headings[index], b.headings[index]];
    if (shapeOf(left) !== shapeOf(right)) {
      problems.push(`heading ${index + 1}: "${left}" stands against "${right}"`);
      break;
    }
  }
  for (let index = 0; index < Math.max(a.blocks.length, b.blocks.length); index++) {
    const [left, right] = [a.blocks[index], b.blocks[index]];
    if (left?.language !== right?.language || left?.code !== right?.code) {
      problems.push(
        `code block ${index + 1} differs: line ${left?.line ?? '-'} stands against line ${right?.line ?? '-'}`,
      );
      break;
    }
  }
  return problems;
}

/**
 * The README with every marked block replaced by its region.
 *
 * @param {string} markdown
 * @param {(file: string) => string} readExample
 */
export function fillBlocks(markdown, readExample) {
  const lines = markdown.split('\n');
  for (const { line, code, example } of parseReadme(markdown).blocks.reverse()) {
    if (example === undefined) continue;
    const old = code === '' && lines[line] !== '' ? 0 : code.split('\n').length;
    lines.splice(line, old, ...region(readExample(example.file), example.region).split('\n'));
  }
  return lines.join('\n');
}

/**
 * A heading may be translated; its level and the code in it may not.
 *
 * @param {string} heading
 */
function shapeOf(heading) {
  return `${/^#*/.exec(heading)?.[0]} ${[...heading.matchAll(/`[^`]+`/g)].join(' ')}`;
}

/** @param {string} root */
function main(root) {
  /** @param {string} file */
  const readExample = (file) => readFileSync(join(root, 'examples', file), 'utf8');
  /** @type {string[]} */
  const problems = [];
  /** @type {string[]} */
  const texts = [];
  for (const name of READMES) {
    const path = join(root, name);
    if (!existsSync(path)) {
      problems.push(`${name} is missing`);
      continue;
    }
    if (process.argv.includes('--write')) writeFileSync(path, fillBlocks(readFileSync(path, 'utf8'), readExample));
    const text = readFileSync(path, 'utf8');
    texts.push(text);
    problems.push(...blockProblems(text, readExample).map((problem) => `${name}: ${problem}`));
    const { blocks, links } = parseReadme(text);
    for (const target of links) {
      if (/^[a-z]+:|^#/.test(target) || existsSync(join(root, target.replace(/#.*$/, '')))) continue;
      problems.push(`${name}: the link to ${target} leads nowhere`);
    }
    const exempt = blocks.filter(({ example }) => example === undefined);
    console.log(`${name}: ${blocks.length - exempt.length} blocks from examples/, not compiled:`);
    for (const { language, line } of exempt) console.log(`  line ${line}: ${language}`);
  }
  const [one, other] = texts;
  if (one !== undefined && other !== undefined) {
    problems.push(...shapeProblems(one, other).map((problem) => `${READMES.join(' and ')}: ${problem}`));
  }
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(fileURLToPath(new URL('..', import.meta.url)));
