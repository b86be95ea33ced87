import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import type { XmlElement } from '../../../../src/platform/xml/xml-element.js';
import { XmlRefused } from '../../../../src/platform/xml/xml-refused.js';
import { anyCodePoint } from '../../../support/any-text.js';

/** An element with its children by name, as an array, so that trees of both parsers can be compared. */
type Tree = readonly [name: string, text: string, children: readonly (readonly [string, readonly Tree[]])[]];

interface Open {
  readonly name: string;
  readonly children: Map<string, Tree[]>;
  text: string;
}

function treeOf({ name, text, children }: XmlElement): Tree {
  return [name, text, [...children].map(([child, elements]) => [child, elements.map(treeOf)] as const)];
}

/** Returns the tree that saxes makes; `undefined` if saxes refuses the text. */
function treeOfSaxes(text: string): Tree | undefined {
  const parser = new SaxesParser();
  const open: Open[] = [];
  let root: Tree | undefined;
  const add = (more: string): void => {
    const parent = open.at(-1);
    if (parent !== undefined) parent.text += more;
  };
  parser.on('text', add);
  parser.on('cdata', add);
  parser.on('opentag', ({ name }) => open.push({ name, children: new Map(), text: '' }));
  parser.on('closetag', () => {
    const { name, children, text: own } = open.pop() as Open;
    const tree: Tree = [name, children.size > 0 ? '' : own, [...children]];
    const siblings = open.at(-1)?.children;
    if (siblings === undefined) root = tree;
    else siblings.set(name, [...(siblings.get(name) ?? []), tree]);
  });
  try {
    parser.write(text).close();
  } catch {
    return undefined;
  }
  return root;
}

/** Returns the tree that the reader makes; `undefined` if it refuses the text. */
function treeOfReader(text: string): Tree | undefined {
  try {
    return treeOf(readXml(Buffer.from(text)));
  } catch (error) {
    expect(error).toBeInstanceOf(XmlRefused);
    return undefined;
  }
}

const white = fc.stringMatching(/^[ \t\r\n]{0,2}$/);
const names = fc.oneof(
  fc.constantFrom('xml', 'Encrypt', 'ToUserName', '__proto__', 'constructor', 'hasOwnProperty'),
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,5}$/),
);
const allowed = anyCodePoint.filter((character) => !/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(character));
const literal = fc
  .string({ unit: fc.oneof(allowed, fc.constantFrom('\r', '\n', ']', '>', ' ')), maxLength: 12 })
  .map((text) => text.replaceAll(/[<&]/g, '').replaceAll(']]>', ''));
const reference = fc.oneof(
  fc.constantFrom('&amp;', '&lt;', '&gt;', '&quot;', '&apos;', '&#13;', '&#x00000d;'),
  allowed.map((character) => `&#${character.codePointAt(0)};`),
  allowed.map((character) => `&#x${character.codePointAt(0)?.toString(16)};`),
);
const cdata = fc
  .string({ unit: fc.oneof(allowed, fc.constantFrom('<', '&', ']', '>', '\r')), maxLength: 12 })
  .map((text) => `<![CDATA[${text.replaceAll(']]>', '')}]]>`);
const content = fc.array(fc.oneof(literal, reference, cdata), { maxLength: 4 }).map((parts) => {
  // Parts that are harmless alone can make the end of a CDATA section together.
  const text = parts.join('');
  return text.replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>/g, '').includes(']]>') ? '' : text;
});

const { element } = fc.letrec<{ element: string; elements: string }>((tie) => ({
  elements: fc
    .tuple(white, fc.array(fc.tuple(tie('element'), white), { minLength: 1, maxLength: 4 }))
    .map(([before, children]) => before + children.flat().join('')),
  element: fc.oneof(
    { depthSize: 'small', withCrossShrink: true, maxDepth: 6 },
    fc.tuple(names, white).map(([name, space]) => `<${name}${space}/>`),
    fc.tuple(names, white, content).map(([name, space, text]) => `<${name}${space}>${text}</${name}${space}>`),
    fc.tuple(names, white, tie('elements')).map(([name, space, inner]) => `<${name}${space}>${inner}</${name}>`),
  ),
}));
const declarations = fc.constantFrom(
  '',
  '',
  '<?xml version="1.0"?>',
  "<?xml version='1.0' encoding='utf-8' ?>",
  '\ufeff',
);
const documents = fc.tuple(declarations, white, element, white).map((parts) => parts.join(''));

/** Pieces of XML, allowed and forbidden ones, in any order. */
const pieces = fc.constantFrom(
  '<a>',
  '</a>',
  '<b>',
  '</b>',
  '<a/>',
  '<b />',
  '<a',
  '>',
  '<',
  '/>',
  '/',
  '</',
  '&',
  ';',
  '&lt;',
  '&#',
  '&#x',
  '41;',
  '&#65;',
  '<![CDATA[',
  ']]>',
  ']',
  '<!--',
  '-->',
  '--',
  '<?',
  '?>',
  '<?xml version="1.0"?>',
  '<!DOCTYPE a>',
  '<!',
  'x="1"',
  ' x=',
  '"',
  "'",
  ':',
  'xmlns:b="c"',
  ' ',
  '\n',
  '\r',
  '\t',
  'text',
  '\0',
  '\ufffe',
  '\ufeff',
  '\u00a0',
  '我',
  '😀',
  '__proto__',
);

describe('the XML reader beside saxes', () => {
  it('saxes refuses what XML forbids, so that it can judge', () => {
    for (const wrong of ['', '<a>', '<a></b>', '<a/><b/>', '<a>&b;</a>', '<a>]]></a>', '<a>\0</a>', '<a b/>', 'a']) {
      expect(treeOfSaxes(wrong)).toBeUndefined();
    }
    expect(treeOfSaxes('<a><b>1</b><c/><b>2</b></a>')).toEqual([
      'a',
      '',
      [
        [
          'b',
          [
            ['b', '1', []],
            ['b', '2', []],
          ],
        ],
        ['c', [['c', '', []]]],
      ],
    ]);
  });

  it('a document of the accepted form gives the tree that saxes makes', () => {
    fc.assert(
      fc.property(documents, (text) => {
        const expected = treeOfSaxes(text);
        expect(expected).toBeDefined();
        expect(treeOfReader(text)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it('what saxes refuses is refused, and what is accepted gives the same tree', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const tree = treeOfReader(parts.join(''));
        if (tree !== undefined) expect(tree).toEqual(treeOfSaxes(parts.join('')));
      }),
      { numRuns: 5_000 },
    );
  });

  it('a document with one change is refused, or gives the tree that saxes makes', () => {
    fc.assert(
      fc.property(documents, fc.nat(), fc.nat(2), fc.oneof(pieces, anyCodePoint), (text, place, removed, piece) => {
        const at = place % (text.length + 1);
        // The encoding replaces half a surrogate pair, for which there are no bytes.
        const changed = Buffer.from(text.slice(0, at) + piece + text.slice(at + removed)).toString();
        const tree = treeOfReader(changed);
        if (tree !== undefined) expect(tree).toEqual(treeOfSaxes(changed));
      }),
      { numRuns: 5_000 },
    );
  });

  it('no bytes cause another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(readXml(bytes).name).not.toBe('');
        } catch (error) {
          expect(error).toBeInstanceOf(XmlRefused);
        }
      }),
    );
  });
});
