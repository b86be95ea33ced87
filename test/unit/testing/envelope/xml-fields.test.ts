import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import { readXmlFields, xmlOf } from '../../../../src/testing/envelope/xml-fields.js';
import { anyCodePoint } from '../../../support/any-text.js';

const ALLOWED = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

describe('XML that the fake writes', () => {
  test('any text is read by the receiver of pushes, and by the fake, as it was', () => {
    const texts = fc.string({ unit: fc.oneof(anyCodePoint, fc.constantFrom(']]>', '\r\n', '<', '&amp;')) });
    fc.assert(
      fc.property(texts, (text) => {
        fc.pre(ALLOWED.test(text));
        const xml = xmlOf('xml', [['Content', text]]);
        expect(readXml(Buffer.from(xml)).textOf('Content')).toBe(text);
        expect(readXmlFields(xml)).toEqual({ Content: text });
      }),
    );
  });

  test('numbers stand as they are, and elements in elements', () => {
    const xml = xmlOf('xml', [
      ['CreateTime', 1],
      ['info', [['name', 'a']]],
    ]);
    expect(xml).toBe('<xml><CreateTime>1</CreateTime><info><name><![CDATA[a]]></name></info></xml>');
  });

  test.each([
    ['a name with a space', 'canary name', 'a'],
    ['a number that is not finite', 'Count', Number.NaN],
    ['a forbidden character', 'Content', 'canary\u0000'],
    ['half a surrogate pair', 'Content', 'canary\ud800'],
  ])('%s is a TypeError that shows nothing of it', (_, name, content) => {
    expect(() => xmlOf(name, content)).toThrow(TypeError);
    expect(() => xmlOf(name, content)).not.toThrow(/canary/);
  });
});

describe('XML that the fake reads', () => {
  test.each([
    ['<xml/>', {}],
    ['\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<xml>\n</xml>\n', {}],
    ['<xml><a>1</a ><b /><c> x </c></xml>', { a: '1', b: '', c: ' x ' }],
    ['<xml><a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</a></xml>', { a: '<>&"\'AB' }],
    ['<xml><a><![CDATA[<b>&amp;]]]]><![CDATA[>]]></a></xml>', { a: '<b>&amp;]]>' }],
    ['<xml><item>A</item><other/><item><b>B</b></item></xml>', { item: ['A', { b: 'B' }], other: '' }],
    ['<xml><__proto__>A</__proto__></xml>', JSON.parse('{ "__proto__": "A" }')],
  ])('the fields of %j are read', (document, fields) => {
    expect(readXmlFields(document)).toEqual(fields);
  });

  test.each([
    ['', 'an early end'],
    ['success', 'an early end'],
    ['<xml><a>canary', 'an early end'],
    ['<xml><a></xml></a>', 'tags that do not match'],
    ['</xml>', 'tags that do not match'],
    ['<reply><a>canary</a></reply>', 'another root than <xml>'],
    ['<xml/><xml/>', 'another root than <xml>'],
    ['<xml/>canary', 'another root than <xml>'],
    ['<xml>canary</xml>', 'text in place of fields'],
    ['<xml>canary<a/></xml>', 'text beside elements'],
    ['<xml a="canary"/>', 'markup that WeChat does not use'],
    ['<!DOCTYPE xml><xml/>', 'markup that WeChat does not use'],
    ['<xml><!-- canary --></xml>', 'markup that WeChat does not use'],
    ['<xml><a>&canary;</a></xml>', 'a reference that stands for nothing'],
    ['<xml><a>&#x110000;</a></xml>', 'a reference that stands for nothing'],
  ])('%j is refused, without being shown', (document, fault) => {
    expect(() => readXmlFields(document)).toThrow(new SyntaxError(`the XML has ${fault}`));
  });
});
