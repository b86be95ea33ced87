import { inspect } from 'node:util';
import { describe, expect, it, test } from 'vitest';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import type { XmlElement } from '../../../../src/platform/xml/xml-element.js';
import { XmlRefused } from '../../../../src/platform/xml/xml-refused.js';

const EVENT = `<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>
<FromUserName><![CDATA[o9AgO5Kd5ggOC-bXrbNODIiE3bGY]]></FromUserName>
<CreateTime>1715943329</CreateTime>
<debug_str><![CDATA[hello world]]></debug_str>
</xml>`;

const read = (text: string): XmlElement => readXml(Buffer.from(text));

function messageOf(bytes: Uint8Array): string {
  try {
    readXml(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(XmlRefused);
    return (error as XmlRefused).message;
  }
  throw new Error('the XML was accepted');
}

describe('reading XML', () => {
  it('the XML of an event is read', () => {
    const event = read(EVENT);
    expect([event.name, event.text]).toEqual(['xml', '']);
    expect([...event.children.keys()].slice(0, 3)).toEqual(['ToUserName', 'FromUserName', 'CreateTime']);
    expect(event.textOf('debug_str')).toBe('hello world');
    expect(event.textOf('CreateTime')).toBe('1715943329');
  });

  it('elements of one name stay in their order, and keep their own children', () => {
    const list = read('<xml><List><Id>1</Id></List><Other/><List><Id>2</Id></List></xml>').children.get('List') ?? [];
    expect(list.map((element) => element.textOf('Id'))).toEqual(['1', '2']);
  });

  it('names such as __proto__ and constructor are names like any other', () => {
    const root = read('<xml><__proto__><isAdmin>1</isAdmin></__proto__><constructor>a</constructor></xml>');
    expect([...root.children.keys()]).toEqual(['__proto__', 'constructor']);
    expect(root.child('__proto__')?.textOf('isAdmin')).toBe('1');
    expect([root.textOf('toString'), root.textOf('isAdmin')]).toEqual([undefined, undefined]);
  });

  test.each([
    ['<a>b</a>', 'b'],
    ['\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<a>b</a>\n', 'b'],
    ["<?xml version = '1.0' encoding='utf-8' standalone='yes' ?><a>b</a>", 'b'],
    ['<?xml version="1.0" standalone="no"?><a>b</a>', 'b'],
    [' \t\r\n<a\n>b</a \t>', 'b'],
    ['<a/>', ''],
    ['<a />', ''],
    ['<a>  b\n</a>', '  b\n'],
    ['<a>\r\n1\r2\n\r</a>', '\n1\n2\n\n'],
    ['<a><![CDATA[1\r\n2]]></a>', '1\n2'],
    ['<a>&#13;\n&#xD;&#10;</a>', '\r\n\r\n'],
    ['<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#x00041;</a>', '<>&"\'A😀A'],
    ['<a>&amp;lt;</a>', '&lt;'],
    ['<a>1<![CDATA[<b>&amp;]]]]><![CDATA[>]]>2</a>', '1<b>&amp;]]>2'],
    ['<a><![CDATA[]]></a>', ''],
    ['<a>]] > ></a>', ']] > >'],
    ['<a>\ufffd\ufeff我😀</a>', '\ufffd\ufeff我😀'],
    ['<A-1._>x</A-1._>', 'x'],
  ])('the text of %j is %j', (text, expected) => {
    expect(read(text).text).toBe(expected);
  });

  test.each([
    ['', 'an early end at character 0'],
    ['  ', 'an early end at character 2'],
    ['<a>', 'an early end at character 3'],
    ['<a><b></b>', 'an early end at character 10'],
    ['<a', 'no > after the markup at character 0'],
    ['<a></a', 'no > after the markup at character 5'],
    ['<a><![CDATA[secret]]></a>'.replace(']]', ']'), 'no ]]> after the markup at character 12'],
    ['<a></b>', 'an end tag of another element at character 3'],
    ['<a></A>', 'an end tag of another element at character 3'],
    ['</a>', 'an end tag of another element at character 0'],
    ['<a></a></a>', 'an end tag of another element at character 7'],
    ['<a/><b/>', 'a second root element at character 4'],
    ['secret', 'text outside the root element at character 0'],
    ['<a/>secret', 'text outside the root element at character 4'],
    ['<a/>&#32;', 'text outside the root element at character 4'],
    ['<![CDATA[ ]]><a/>', 'text outside the root element at character 0'],
    ['<a/>\u00a0', 'text outside the root element at character 4'],
    ['<a>secret<b/></a>', 'text beside elements at character 0'],
    ['<a><b/>secret</a>', 'text beside elements at character 0'],
    ['<a><b/><![CDATA[secret]]></a>', 'text beside elements at character 0'],
    ['<a secret="1"/>', 'a tag with an attribute at character 0'],
    ['<a></a secret>', 'a tag with an attribute at character 3'],
    ['<a:b/>', 'a tag with a malformed name at character 0'],
    ['<1/>', 'a tag with a malformed name at character 0'],
    ['<é/>', 'a tag with a malformed name at character 0'],
    ['< a/>', 'a tag with a malformed name at character 0'],
    ['<a/ >', 'a tag with a malformed name at character 0'],
    ['<a></a/>', 'a tag with a malformed name at character 3'],
    ['<>', 'a tag with a malformed name at character 0'],
    ['<a><<b/></a>', 'a tag with a malformed name at character 3'],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'a DOCTYPE or another declaration at character 0'],
    ['<a><![cdata[b]]></a>', 'a DOCTYPE or another declaration at character 3'],
    ['<!-- secret --><a/>', 'a comment at character 0'],
    ['<a/><?secret?>', 'a processing instruction at character 4'],
    [' <?xml version="1.0"?><a/>', 'a processing instruction at character 1'],
    ['<?xml version="1.1"?><a/>', 'a wrong declaration at character 0'],
    ['<?xml version="1.0" encoding="GBK"?><a/>', 'a wrong declaration at character 0'],
    ['<?xml version="1.0\'?><a/>', 'a wrong declaration at character 0'],
    ['<?xml?><a/>', 'a wrong declaration at character 0'],
    ['<?xml encoding="UTF-8" version="1.0"?><a/>', 'a wrong declaration at character 0'],
    ['<?xml\u00a0version="1.0"?><a/>', 'a wrong declaration at character 0'],
    [`<?xml version="1.0"${' '.repeat(100)}?><a/>`, 'a wrong declaration at character 0'],
    ['<a>&nbsp;</a>', 'an unknown reference at character 3'],
    ['<a>1 & 2;</a>', 'an unknown reference at character 5'],
    ['<a>&amp</a>', 'an unknown reference at character 3'],
    ['<a>&toString;</a>', 'an unknown reference at character 3'],
    ['<a>&#;</a>', 'an unknown reference at character 3'],
    ['<a>&#x;</a>', 'an unknown reference at character 3'],
    ['<a>&#X41;</a>', 'an unknown reference at character 3'],
    ['<a>&#6 5;</a>', 'an unknown reference at character 3'],
    ['<a>&#0;</a>', 'an unknown reference at character 3'],
    ['<a>&#xd800;</a>', 'an unknown reference at character 3'],
    ['<a>&#xffff;</a>', 'an unknown reference at character 3'],
    ['<a>&#x110000;</a>', 'an unknown reference at character 3'],
    [`<a>&#${'9'.repeat(400)};</a>`, 'an unknown reference at character 3'],
    ['<a>1]]>2</a>', 'the end of a CDATA section at character 4'],
    ['<a>\0</a>', 'a forbidden character at character 3'],
    ['<a>\ufffe</a>', 'a forbidden character at character 3'],
    ['<a><![CDATA[\u001f]]></a>', 'a forbidden character at character 12'],
  ])('%j is refused: the XML has %s', (text, fault) => {
    const message = messageOf(Buffer.from(text));
    expect(message).toBe(`the XML has ${fault}`);
  });

  test.each([
    ['a byte of Latin-1', Buffer.from('<a>é</a>', 'latin1'), 3],
    ['a character that is cut off', Buffer.from('<a>我').subarray(0, 5), 3],
    ['an overlong encoding', Buffer.from([0x3c, 0x61, 0x3e, 0xc0, 0xaf]), 3],
    ['a surrogate', Buffer.from([0x3c, 0xed, 0xa0, 0x80, 0x3e]), 1],
    ['UTF-16', Buffer.from('\ufeff<a/>', 'utf16le'), 0],
  ])('%s is refused as bytes that are not UTF-8', (_, bytes, place) => {
    // The lossy decoding differs from the bytes where the first of them is replaced.
    expect(messageOf(bytes)).toBe(`the XML has bytes that are not UTF-8 at byte ${place}`);
  });

  it('8 levels are read, and 9 are refused', () => {
    const nested = (levels: number) => `${'<a>'.repeat(levels)}${'</a>'.repeat(levels)}`;
    expect(read(nested(8)).name).toBe('a');
    expect(messageOf(Buffer.from(nested(9)))).toBe('the XML has more than 8 levels at character 24');
    expect(messageOf(Buffer.from(nested(9_000)))).toBe('the XML has more than 8 levels at character 24');
  });

  it('512 elements are read, and 513 are refused', () => {
    const flat = (elements: number) => `<a>${'<b/>'.repeat(elements - 1)}</a>`;
    expect(read(flat(512)).children.get('b')).toHaveLength(511);
    expect(messageOf(Buffer.from(flat(513)))).toBe('the XML has more than 512 elements at character 2047');
    expect(messageOf(Buffer.from(flat(16_000)))).toBe('the XML has more than 512 elements at character 2047');
  });

  it('64 KiB are read, and a byte more is refused', () => {
    const long = (bytes: number) => Buffer.from(`<a>${'x'.repeat(bytes - 7)}</a>`);
    expect(readXml(long(65_536)).text).toHaveLength(65_529);
    expect(messageOf(long(65_537))).toBe('the XML has no end at byte 65536');
    expect(messageOf(long(10_485_760))).toBe('the XML has no end at byte 65536');
  });

  it('64 KiB of one character are refused at once', () => {
    expect(messageOf(Buffer.from(`<a>${'&'.repeat(65_000)}`))).toBe('the XML has an unknown reference at character 3');
    expect(messageOf(Buffer.from('<'.repeat(65_536)))).toBe('the XML has no > after the markup at character 0');
  });
});

describe('the elements of XML', () => {
  it('the text of an absent element is undefined, that of an empty one empty', () => {
    const root = read('<xml><Content></Content></xml>');
    expect([root.textOf('Content'), root.textOf('Event')]).toEqual(['', undefined]);
  });

  it('a required text is refused when it is absent, empty, repeated or has elements', () => {
    const root = read('<xml><A>1</A><B/><C>2</C><C>3</C><D><E/></D></xml>');
    expect(root.requiredTextOf('A')).toBe('1');
    const faults = [
      ['B', 'no text of <B> in the element at character 0'],
      ['X', 'no text of <X> in the element at character 0'],
      ['C', 'a second <C> at character 25'],
      ['D', 'elements inside <D> at character 33'],
    ] as const;
    for (const [name, fault] of faults) {
      expect(() => root.requiredTextOf(name)).toThrow(
        new XmlRefused(fault.replace(/ at character.*/, ''), Number(/\d+$/.exec(fault)?.[0])),
      );
    }
  });

  it('neither inspect nor JSON shows texts', () => {
    const root = read('<xml><ComponentVerifyTicket>ticket@@@secret</ComponentVerifyTicket>\n</xml>');
    expect(inspect(root, { depth: 9, showHidden: true }) + JSON.stringify(root)).not.toContain('secret');
    expect(inspect(root.children, { depth: 9, showHidden: true })).not.toContain('secret');
  });
});
