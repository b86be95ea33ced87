import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import { writeXml, type XmlContent } from '../../../../src/platform/xml/write-xml.js';
import { anyCodePoint } from '../../../support/any-text.js';

describe('writing XML', () => {
  it('a reply is written with its texts as CDATA and its numbers as they are', () => {
    const reply = [
      ['ToUserName', 'o1'],
      ['CreateTime', 1_409_659_813],
      ['ArticleCount', 1],
      ['Articles', [['item', [['Title', '标题 <1> & "2"']]]]],
    ] as const;
    expect(writeXml('xml', reply)).toBe(
      '<xml><ToUserName><![CDATA[o1]]></ToUserName><CreateTime>1409659813</CreateTime><ArticleCount>1</ArticleCount><Articles><item><Title><![CDATA[标题 <1> & "2"]]></Title></item></Articles></xml>',
    );
  });

  it('an element without content is written with both of its tags', () => {
    expect([writeXml('xml', []), writeXml('xml', '')]).toEqual(['<xml></xml>', '<xml><![CDATA[]]></xml>']);
  });

  it('the end mark of CDATA inside a text ends no section', () => {
    const text = ']]></xml><xml><![CDATA[]]]]>>';
    expect(readXml(Buffer.from(writeXml('xml', text))).text).toBe(text);
    expect(writeXml('xml', 'a]]>b')).toBe('<xml><![CDATA[a]]]]><![CDATA[>b]]></xml>');
  });

  it('every text that XML can contain is read as it was written', () => {
    const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
    const unit = fc.oneof(
      anyCodePoint.filter((character) => !forbidden.test(character)),
      fc.constantFrom(']', '>', ']]>', '\r', '\n', '<![CDATA[', '&amp;'),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        const root = readXml(
          Buffer.from(
            writeXml('xml', [
              ['Content', text],
              ['Other', 1],
            ]),
          ),
        );
        expect([root.textOf('Content'), root.textOf('Other')]).toEqual([text, '1']);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['a name with a space', 'a b', 'x', 'an element must be named by letters, digits, _ . and -, got "a b"'],
    ['a name with markup', 'a>', 'x', 'an element must be named by letters, digits, _ . and -, got "a>"'],
    ['an empty name', '', 'x', 'an element must be named by letters, digits, _ . and -, got ""'],
    ['NaN', 'a', Number.NaN, '<a> must be a finite number, got NaN'],
    ['infinity', 'a', [['b', Number.POSITIVE_INFINITY]], '<b> must be a finite number, got Infinity'],
    ['a NUL', 'a', 'secret\0', '<a> must not contain a character that XML forbids, as its character 7'],
    ['half a surrogate pair', 'a', '\ud83d', '<a> must not contain a character that XML forbids, as its character 1'],
  ] satisfies [string, string, XmlContent, string][])('%s is a TypeError', (_, name, content, message) => {
    expect(() => writeXml(name, content)).toThrow(new TypeError(message));
  });
});
