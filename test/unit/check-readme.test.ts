import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { pageProblems, pairsOf } from '../../scripts/check-readme.mjs';
import { catalogueProblems, commentsOf, translateComments } from '../../scripts/example-comments.mjs';
import { blockProblems, commentsIn, fillBlocks, region } from '../../scripts/example-regions.mjs';
import { parsePage } from '../../scripts/markdown-page.mjs';
import { linkProblems } from '../../scripts/page-links.mjs';
import { readmeProblems, shapeProblems } from '../../scripts/page-pairs.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scripts = ['package.json', 'examples/reminders/package.json'].flatMap((file) =>
  Object.keys(JSON.parse(readFileSync(join(root, file), 'utf8')).scripts),
);

const example =
  'import x;\n\nasync function main() {\n  // #region start\n  go();\n\n  // #region inner\n  if (a) {\n    b();\n  }\n  // #endregion inner\n  // #endregion start\n}\n';
const examples = { read: (): string => example, comments: undefined };
const block = (code: string, marker = '<!-- example: a.ts#start -->'): string =>
  `# T\n\n${marker}\n\`\`\`ts\n${code}\n\`\`\`\n`;

describe('the pages', () => {
  it('the pages name only scripts that exist', () => {
    for (const page of pairsOf(root).flatMap(({ english, chinese }) => [english, chinese])) {
      const named = [...readFileSync(join(root, page), 'utf8').matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
      expect(scripts, page).toEqual(expect.arrayContaining(named));
    }
  });
});

describe('regions of examples', () => {
  it('a region is extracted without its indentation', () => {
    expect(region(example, 'start')).toBe('go();\n\nif (a) {\n  b();\n}');
    expect(region(example, 'inner')).toBe('if (a) {\n  b();\n}');
    expect(() => region(example, 'absent')).toThrow('no region "absent"');
    expect(() => region('// #region open\na();', 'open')).toThrow('no region "open"');
  });

  it('a block has to be the same as its region', () => {
    expect(blockProblems(block('go();\n\nif (a) {\n  b();\n}'), examples)).toEqual([]);
    expect(blockProblems(block('go();'), examples)).toEqual(['line 4: not the same as examples/a.ts#start']);
    expect(blockProblems(block('go();', ''), examples)).toHaveLength(1);
    expect(blockProblems(block('go();', '<!-- example: a.ts#gone -->'), examples)).toHaveLength(1);
    expect(blockProblems('```cobol\n1\n```\n', examples)).toHaveLength(1);
    expect(blockProblems('```sh\nnpm ci\n```\n```json\n{}\n```\n', examples)).toEqual([]);
  });

  it('regions are written into their blocks, and the rest of the page stays', () => {
    const filled = fillBlocks(`${block('old();\nold();')}\ntext\n\n${block('')}${block('')}`, examples);
    const good = block('go();\n\nif (a) {\n  b();\n}');
    expect(filled).toBe(`${good}\ntext\n\n${good}${good}`);
    expect(fillBlocks(filled, examples)).toBe(filled);
    const empty = '<!-- example: a.ts#inner -->\n```ts\n```\n';
    expect(blockProblems(fillBlocks(empty, examples), examples)).toEqual([]);
  });
});

describe('comments of examples', () => {
  const source = [
    '// #region r',
    '/** Starts. */',
    'start(); // at once',
    '  // One sentence on',
    '  // two lines.',
    '  const text = "// no comment";',
    '  /**',
    '   * Stops, in',
    '   * the end.',
    '   *',
    '   * @param a - first',
    '   */',
    '// #endregion',
    '// elsewhere',
  ].join('\n');
  const comments = {
    'One sentence on two lines.': '一句话。',
    'Starts.': '启动。',
    'Stops, in the end.\n@param a - first': '停止。\n\n@param a - 第一个',
    'at once': '立即',
  };

  it('comments are found without markers, not in strings, and wrapped lines are joined', () => {
    expect(commentsOf('a.ts', source).map(({ text }) => text)).toEqual([
      'Starts.',
      'at once',
      'One sentence on two lines.',
      'Stops, in the end.\n@param a - first',
      'elsewhere',
    ]);
    expect(commentsIn('a.ts', source, 'r')).not.toContain('elsewhere');
  });

  it('comments are replaced by their translations', () => {
    expect(region(translateComments('a.ts', source, comments), 'r')).toBe(
      [
        '/** 启动。 */',
        'start(); // 立即',
        '  // 一句话。',
        '  const text = "// no comment";',
        '  /**',
        '   * 停止。',
        '   *',
        '   * @param a - 第一个',
        '   */',
      ].join('\n'),
    );
  });

  it('a Chinese page needs a translation of each comment, and the catalogue holds no others', () => {
    const read = (): string => '// #region r\ngo(); // now\n// #endregion';
    const page = '<!-- example: a.ts#r -->\n```ts\ngo(); // now\n```\n';
    expect(blockProblems(page, { read, comments: undefined })).toEqual([]);
    expect(blockProblems(page, { read, comments: {} })).toEqual([
      'line 2: examples/comments.zh-CN.json has no translation of "now"',
    ]);
    expect(blockProblems(page, { read, comments: { now: '现在' } })).toHaveLength(1);
    expect(
      blockProblems(fillBlocks(page, { read, comments: { now: '现在' } }), { read, comments: { now: '现在' } }),
    ).toEqual([]);
    expect(catalogueProblems({ a: '甲', b: '乙' }, new Set(['a', 'b']))).toEqual([]);
    expect(catalogueProblems({ a: '甲', b: '乙' }, new Set(['a']))).toEqual(['no Chinese page shows the comment "b"']);
    expect(catalogueProblems({ b: '乙', a: '甲' }, new Set(['a', 'b']))).toHaveLength(1);
  });
});

describe('two pages of the guide', () => {
  const one = '# A\n\n## Get `get`\n\n```sh\na # so\n```\n\n| a | b |\n| --- | --- |\n| c | d |\n';

  it('two pages of the guide may differ in words, in the comments of commands, and in drawings', () => {
    expect(shapeProblems(one, one.replace('A', '甲').replace('Get', '取').replace('so', '如此'))).toEqual([]);
    expect(shapeProblems('```text\na\n```\n', '```text\n甲\n```\n')).toEqual([]);
  });

  it.each([
    ['a heading level', '## Get', '### Get'],
    ['the code of a heading', '`get`', '`put`'],
    ['a command', '\na #', '\nb #'],
    ['a missing block', '```sh\na # so\n```\n', ''],
    ['the region of a block', '```sh', '<!-- example: a.ts#r -->\n```sh'],
    ['the rows of a table', '| c | d |\n', ''],
    ['the columns of a table', '| a | b |\n| --- | --- |', '| a |\n| --- |'],
  ])('two pages of the guide may not differ in %s', (_what, left, right) => {
    expect(shapeProblems(one, one.replace(left, right))).toHaveLength(1);
  });
});

describe('the two READMEs', () => {
  const one = `${block('a')}\n\`\`\`sh\nnpm ci\n\`\`\`\n\n| a |\n| --- |\n| b |\n`;
  const other = `| 甲 |\n| --- |\n| 乙 |\n\n\`\`\`sh\nnpm ci\n\`\`\`\n\n${block('a')}`;

  it('the READMEs may differ in order, and the Chinese one may have more', () => {
    expect(readmeProblems(one, other, new Set())).toEqual([]);
    expect(readmeProblems('', other, new Set(['a.ts']))).toEqual([]);
  });

  it('the Chinese README has each region, command and table as often as the English one', () => {
    expect(readmeProblems(one, '', new Set())).toHaveLength(3);
    expect(readmeProblems(one + one, other, new Set())).toHaveLength(3);
    expect(readmeProblems(one, other.replace('| 乙 |\n', ''), new Set())).toHaveLength(1);
  });

  it('a region that only the Chinese README shows has to be on a page of the guide', () => {
    expect(readmeProblems('', other, new Set())).toEqual([
      'no English page shows a.ts#start, which the Chinese page has',
    ]);
  });
});

describe('a Markdown page', () => {
  it('headings, links and tables in blocks do not count, and a block that is not closed is an error', () => {
    const { headings, links, tables } = parsePage('```sh\n# a\n[b](c)\n| d |\n| --- |\n```\n');
    expect([headings, links, tables]).toEqual([[], [], []]);
    expect(() => parsePage('text\n```sh\n')).toThrow('line 2');
  });

  it('a page has the anchors of GitHub, and those that it defines itself', () => {
    const headings = '# A `get` call, twice\n## 快速开始：Redis\n## [Linked](x) one\n## Same\n## Same\n';
    const { anchors } = parsePage(`<a id="same"></a>\n${headings}<a id="own"></a>\n`);
    expect(anchors).toEqual(new Set(['a-get-call-twice', '快速开始redis', 'linked-one', 'same', 'same-1', 'own']));
  });
});

describe('the check of all pages', () => {
  function repository(files: Record<string, string>): string {
    const folder = mkdtempSync(join(tmpdir(), 'wechat-tokens-pages-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    for (const [name, text] of Object.entries({ 'examples/comments.zh-CN.json': '{}', ...files })) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return folder;
  }

  it('the check finds links to missing files and headings', () => {
    const folder = repository({
      'README.md': '[a](docs/b.md#here) [b](docs/b.md#gone) [c](gone.md) [d](#gone) [e](https://example.com/#x)',
      'docs/b.md': '# Here\n\n[back](../README.md) <img src="gone.svg">',
    });
    expect(linkProblems(folder, 'README.md')).toEqual([
      'the link to docs/b.md#gone leads nowhere',
      'the link to gone.md leads nowhere',
      'the link to #gone leads nowhere',
    ]);
    expect(linkProblems(folder, 'docs/b.md')).toEqual(['the link to gone.svg leads nowhere']);
  });

  it('the check refuses links to what exists only on this machine', () => {
    const folder = repository({
      '.gitignore': 'dist/\n*.tgz\n',
      'dist/a.js': '',
      'examples/dist/a.js': '',
      'docs/b.md': '[a](https://example.com) [b](mailto:a@example.com) [c](../README.md) [d](../docs)',
      'README.md': '# T\n',
    });
    expect(linkProblems(folder, 'docs/b.md')).toEqual([]);
    const outside = basename(mkdtempSync(join(dirname(folder), 'wechat-tokens-outside-')));
    onTestFinished(() => rmSync(join(dirname(folder), outside), { recursive: true }));
    const targets = [
      'file:///etc/hosts',
      '/README.md',
      '//example.com/a',
      `../../${outside}`,
      `../../${basename(folder)}/README.md`,
      '../dist/a.js',
      '../examples/dist/a.js',
      'javascript:alert',
    ];
    writeFileSync(join(folder, 'docs/b.md'), targets.map((target) => `[a](${target})`).join(' '));
    expect(linkProblems(folder, 'docs/b.md')).toEqual(targets.map((target) => `the link to ${target} leads nowhere`));
  });

  it('the check reads all pages outside the guide that have links', () => {
    const gone = '[a](gone.md)';
    const folders = ['.', 'docs', 'bench', 'examples/reminders', 'test/upgrades'];
    const pages = folders.map((folder) => join(folder, 'a.md'));
    const files = Object.fromEntries(pages.map((page) => [page, gone]));
    const faq = { 'docs/faq.md': '# T\n', 'docs/faq.zh-CN.md': '# T\n' };
    const readmes = { 'README.md': '# T\n', 'README.zh-CN.md': '# T\n' };
    expect(pageProblems(repository({ ...faq, ...readmes, ...files }))).toEqual(
      pages.map((page) => `${page}: the link to gone.md leads nowhere`),
    );
  });

  it('each page of the guide needs its partner in the other language', () => {
    const page = '# T\n';
    const folder = repository({
      'README.md': page,
      'README.zh-CN.md': page,
      'docs/faq.md': page,
      'docs/guide/a.zh-CN.md': page,
      'docs/reference/b.md': `${page}\n\`\`\`ts\nfromADocComment();\n\`\`\`\n`,
      'docs/reference/b.zh-CN.md': `${page}## U\n\n\`\`\`ts\nfromADocComment();\n\`\`\`\n`,
    });
    expect(pageProblems(folder)).toEqual([
      'docs/faq.zh-CN.md is missing',
      'docs/guide/a.md is missing',
      'docs/reference/b.zh-CN.md: heading 2 differs: nothing stands against "## U"',
    ]);
  });

  it('the check limits the length of the READMEs alone', () => {
    const page = `# T\n${'line\n'.repeat(200)}`;
    const faq = { 'docs/faq.md': page, 'docs/faq.zh-CN.md': page };
    const problem = '201 lines, more than 200';
    expect(pageProblems(repository({ ...faq, 'README.md': '# T\n', 'README.zh-CN.md': page }))).toEqual([
      `README.zh-CN.md: ${problem}`,
    ]);
  });

  it('the check reads the catalogue for the Chinese pages alone', () => {
    const shown = '<!-- example: a.ts#r -->\n```ts\ngo(); // now\n```\n';
    const files = {
      'README.md': shown,
      'README.zh-CN.md': shown.replace('now', '现在'),
      'examples/a.ts': '// #region r\ngo(); // now\n// #endregion\n',
    };
    const catalogue = (text: string) => repository({ ...files, 'examples/comments.zh-CN.json': text });
    expect(pageProblems(catalogue('{ "now": "现在" }'))).toEqual([]);
    expect(pageProblems(catalogue('{}'))).toHaveLength(2);
    expect(pageProblems(catalogue('{ "now": "现在", "old": "旧" }'))).toEqual([
      'examples/comments.zh-CN.json: no Chinese page shows the comment "old"',
    ]);
  });

  it('the check finds nothing in this repository', () => {
    expect(pageProblems(root)).toEqual([]);
  });
});
