import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiItem, ApiPackage } from '@microsoft/api-extractor-model';
import { describe, expect, test } from 'vitest';
import { driftProblems, writeReference } from '../../scripts/reference/both-languages.mjs';
import { accept, catalogueProblems, hashOf, needsTranslation } from '../../scripts/reference/catalogue.mjs';
import type { Page } from '../../scripts/reference/layout.mjs';

const LAYOUT: readonly Page[] = [
  {
    file: 'options',
    title: 'Options',
    intro: ['See [the doors](#dooroptions).'],
    sections: [{ id: 'doors', title: 'Doors', blocks: [{ kind: 'options', name: 'DoorOptions' }] }],
  },
];

/** Returns the items of a package with one interface, as API Extractor describes it. */
function itemsWith(meaning: string): Map<string, ApiItem> {
  const option = (name: string, type: string, docComment: string) => ({
    kind: 'PropertySignature',
    canonicalReference: `doors!DoorOptions#${name}:member`,
    docComment,
    excerptTokens: [`readonly ${name}?: `, type, ';'].map((text) => ({ kind: 'Content', text })),
    isReadonly: true,
    isOptional: name !== 'name',
    releaseTag: 'Public',
    name,
    propertyTypeTokenRange: { startIndex: 1, endIndex: 2 },
  });
  const doorOptions = {
    kind: 'Interface',
    canonicalReference: 'doors!DoorOptions:interface',
    docComment: '/**\n * The options of a door.\n *\n * @public\n */',
    excerptTokens: [{ kind: 'Content', text: 'export interface DoorOptions ' }],
    releaseTag: 'Public',
    name: 'DoorOptions',
    preserveMemberOrder: false,
    members: [
      option(
        'closesAfterMs',
        'number',
        `/**\n * ${meaning}\n *\n * Never at night.\n *\n * @defaultValue 50\n * @bounds 1 to 99 ms\n */`,
      ),
      option('name', "'front' | 'back'", '/** The name. */'),
    ],
    extendsTokenRanges: [],
  };
  return loadItems([doorOptions]);
}

/** Returns the items of a package with an interface of events, of which one has this type. */
function itemsWithEvent(type: string): Map<string, ApiItem> {
  const opened = {
    kind: 'PropertySignature',
    canonicalReference: 'doors!DoorEvents#opened:member',
    docComment: '/**\n * A door has opened.\n *\n * - `door`: its name.\n *\n * - `by`: the person.\n */',
    excerptTokens: ['readonly opened: ', type, ';'].map((text) => ({ kind: 'Content', text })),
    isReadonly: true,
    isOptional: false,
    releaseTag: 'Public',
    name: 'opened',
    propertyTypeTokenRange: { startIndex: 1, endIndex: 2 },
  };
  const doorEvents = {
    kind: 'Interface',
    canonicalReference: 'doors!DoorEvents:interface',
    docComment: '/** The events of a door. */',
    excerptTokens: [{ kind: 'Content', text: 'export interface DoorEvents ' }],
    releaseTag: 'Public',
    name: 'DoorEvents',
    preserveMemberOrder: false,
    members: [opened],
    extendsTokenRanges: [],
  };
  return loadItems([doorEvents]);
}

/** Loads items as they are in the file of a doc model. */
function loadItems(items: readonly object[]): Map<string, ApiItem> {
  const entryPoint = {
    kind: 'EntryPoint',
    canonicalReference: 'doors!',
    name: '',
    preserveMemberOrder: false,
    members: items,
  };
  const tsdocConfig = {
    $schema: 'https://developer.microsoft.com/json-schemas/tsdoc/v0/tsdoc.schema.json',
    tagDefinitions: [{ tagName: '@bounds', syntaxKind: 'block' }],
    supportForTags: { '@bounds': true, '@defaultValue': true, '@public': true },
  };
  const model = {
    metadata: {
      toolPackage: '@microsoft/api-extractor',
      toolVersion: '7.60.1',
      schemaVersion: 1011,
      oldestForwardsCompatibleVersion: 1001,
      tsdocConfig,
    },
    kind: 'Package',
    canonicalReference: 'doors!',
    docComment: '',
    name: 'doors',
    preserveMemberOrder: false,
    members: [entryPoint],
  };
  const folder = mkdtempSync(join(tmpdir(), 'reference-test-'));
  try {
    const path = join(folder, 'doors.api.json');
    writeFileSync(path, JSON.stringify(model));
    const members = ApiPackage.loadFromJsonFile(path).entryPoints[0]?.members ?? [];
    return new Map(members.map((item) => [item.displayName, item]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function write(meaning: string, catalogue = {}): ReturnType<typeof writeReference> {
  return writeReference({ layout: LAYOUT, items: itemsWith(meaning), serveOptions: [] }, catalogue);
}

/** Returns a catalogue that translates everything. */
function translated(meaning: string): Record<string, Record<string, string> & { hash: string }> {
  const { english } = write(meaning);
  const entries = Object.entries(english).map(([key, texts]) => {
    const chinese = Object.fromEntries(Object.keys(texts).map((part) => [part, `中${part}`]));
    return [key, { hash: hashOf(texts), ...chinese }];
  });
  return Object.fromEntries(entries);
}

describe('a page of the reference', () => {
  test('a page has a table of the options, those that are required first', () => {
    expect(write('It closes.').pages.get('options.md')?.split('\n')).toEqual([
      '# Options',
      '',
      '[中文](options.zh-CN.md)',
      '',
      'See [the doors](#dooroptions).',
      '',
      '- [Doors](#doors)',
      '',
      '<a id="doors"></a>',
      '',
      '## Doors',
      '',
      '### DoorOptions',
      '',
      'The options of a door.',
      '',
      '| option | type | default | values | meaning |',
      '| --- | --- | --- | --- | --- |',
      "| `name` | `'front' \\| 'back'` | required | | The name. |",
      '| `closesAfterMs` | `number` | 50 | 1 to 99 ms | It closes. |',
      '',
      '**`closesAfterMs`** Never at night.',
      '',
    ]);
  });

  test('a page has a Chinese partner once everything is translated', () => {
    expect([...write('It closes.').pages.keys()]).toEqual(['options.md']);
    const { pages, problems } = write('It closes.', translated('It closes.'));
    expect(problems).toEqual([]);
    expect(pages.get('options.zh-CN.md')).toContain('| `closesAfterMs` | `number` | 50 | 中bounds | 中text |');
  });

  test('a page is reported when its file differs or is missing', () => {
    const { pages } = write('It closes.');
    expect(driftProblems(pages, (file) => pages.get(file))).toEqual([]);
    const old = write('It closed.').pages;
    expect(driftProblems(pages, (file) => old.get(file))).toEqual([expect.stringContaining('options.md')]);
    expect(driftProblems(pages, () => undefined)).toEqual([expect.stringContaining('options.md')]);
  });

  test('a public item on no page is reported', () => {
    const layout = [{ file: 'options', title: 'Options', intro: [], sections: [] }];
    const { problems } = writeReference({ layout, items: itemsWith('It closes.'), serveOptions: [] }, {});
    expect(problems).toContain('DoorOptions is on no page: add it to the layout');
  });
});

describe('the payload of an event', () => {
  function problemsAndRows(type: string): { problems: string[]; rows: string[] } {
    const block = { kind: 'events' as const, name: 'DoorEvents', order: [], anchors: { DoorEvents: 'all' } };
    const layout = [
      { file: 'events', title: 'Events', intro: [], sections: [{ id: 'all', title: 'All', blocks: [block] }] },
    ];
    const { pages, problems } = writeReference({ layout, items: itemsWithEvent(type), serveOptions: [] }, {});
    const rows = pages.get('events.md')?.match(/^\| `.*/gm) ?? [];
    return { problems: problems.filter((problem) => problem.startsWith('DoorEvents')), rows };
  }

  test.each([
    '{\n    readonly door: string;\n    readonly by?: Person;\n}',
    'TokenEvent & {\n    readonly door: string;\n    readonly by?: Person;\n}',
  ])('the table has the fields of %j, optional ones too', (type) => {
    expect(problemsAndRows(type)).toEqual({
      problems: [],
      rows: ['| `door` | `string` | its name. |', '| `by` | `Person` | the person. |'],
    });
  });

  test('an event may have no fields', () => {
    expect(problemsAndRows('Readonly<Record<string, never>>')).toEqual({ problems: [], rows: [] });
  });

  test.each([
    ['{ readonly door: string; by: Person; }', '{ by: Person; }'],
    ['{ readonly door: { readonly by: Person; }; }', '{ }; }'],
    ['DoorEvent & { readonly door: string; }', 'DoorEvent & { }'],
    ['Unknown', 'Unknown'],
  ])('%s is reported, because the table would not show all of it', (type, unread) => {
    expect(problemsAndRows(type).problems).toEqual([`DoorEvents.opened has a payload that cannot be shown: ${unread}`]);
  });
});

describe('the catalogue of translations', () => {
  const english = { door: { text: 'A door.', default: 'none' } };
  const fresh = { door: { hash: hashOf(english.door), text: '门。', default: '无' } };

  test('the catalogue fits while the English is what was translated', () => {
    expect(catalogueProblems(english, fresh)).toEqual([]);
  });

  test('a missing entry or text of the catalogue is reported by key', () => {
    expect(catalogueProblems(english, {})).toEqual(['door is missing']);
    expect(catalogueProblems(english, { door: { hash: fresh.door.hash, text: '门。' } })).toEqual([
      'door: "default" is missing',
    ]);
  });

  test('an entry or text of the catalogue that no page uses is reported by key', () => {
    expect(catalogueProblems({}, fresh)).toEqual(['door is used by no page']);
    expect(catalogueProblems(english, { door: { ...fresh.door, bounds: '1 到 9' } })).toEqual([
      'door: "bounds" is used by no page',
    ]);
  });

  test('an entry is stale when the English has changed, until it is accepted by its key', () => {
    const changed = { door: { text: 'A gate.', default: 'none' } };
    expect(catalogueProblems(changed, fresh)).toEqual([expect.stringContaining('door is stale')]);
    expect(catalogueProblems(changed, accept(fresh, changed, ['door']))).toEqual([]);
    expect(() => accept(fresh, changed, ['gate'])).toThrow('nothing to accept: gate');
  });

  test('an entry goes stale with the doc comment of its item', () => {
    const { problems } = write('It shuts.', translated('It closes.'));
    expect(problems).toEqual([expect.stringContaining('DoorOptions.closesAfterMs is stale')]);
  });

  test.each(['`JSON`', '25,000', '', "`'stable'`", '[`Clock`](types.md#clock)'])('%j needs no entry', (text) => {
    expect(needsTranslation(text)).toBe(false);
  });

  test.each(['none', '25,000 ms', '`a` or `b`', '[a page](b.md)'])('%j needs an entry', (text) => {
    expect(needsTranslation(text)).toBe(true);
  });
});
