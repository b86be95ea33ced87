import { parse } from 'node:querystring';
import { describe, expect, test } from 'vitest';
import { isPlaceholder, textOfParsed } from '../../../../src/http/edges/parsed-body.js';
import { BodyRefused } from '../../../../src/http/messages/http-message.js';

const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

/** Returns the headers with which a text is sent as a form. */
function formOf(text: string) {
  return { contentType: FORM, contentLength: String(Buffer.byteLength(text)) };
}

describe('bodies that a framework has parsed', () => {
  test.each([
    { body: '\uFEFF{"a":1}', text: '{"a":1}' },
    { body: Buffer.from('\uFEFF{"a":1}'), text: '{"a":1}' },
    { body: new TextEncoder().encode(' {"a":1}').buffer, text: '{"a":1}' },
    { body: { a: 1 }, text: '{"a":1}' },
    { body: [1], text: '[1]' },
    { body: undefined, text: '' },
  ])('a parsed body becomes the text $text', ({ body, text }) => {
    expect(textOfParsed(body, { contentType: 'application/json', contentLength: '99' })).toBe(text);
  });

  test.each(['{"stale":"84_Ab-c"}', '{"stale":"a=b&c=d"}', '{"a":"x=","b":"&"}', ' {"stale": "84_Ab"}'])(
    '%s is the same after a parser of forms',
    (json) => {
      expect(JSON.parse(textOfParsed({ ...parse(json) }, formOf(json)))).toEqual(JSON.parse(json));
    },
  );

  test('a parsed form becomes JSON', () => {
    const text = 'appid=wx1&secret=a%26b';
    expect(textOfParsed({ ...parse(text) }, formOf(text))).toBe('{"appid":"wx1","secret":"a&b"}');
  });

  test('JSON that a parser of forms has damaged is refused with the remedy', () => {
    const mangled = { '{"appid":"wx1","tasks":': { '{"type":0}': '' } };
    const headers = formOf('{"appid":"wx1","tasks":[{"type":0}]}');
    expect(() => textOfParsed(mangled, headers)).toThrow(BodyRefused);
    expect(() => textOfParsed(mangled, headers)).toThrow(/send it as application\/json, or mount the handler before/);
  });

  test.each(["'{force:true}'", 'force: true', '{"force":true'])(
    'the damaged order %s is refused after a parser of forms',
    (text) => expect(() => textOfParsed({ ...parse(text) }, formOf(text))).toThrow(BodyRefused),
  );

  test.each([
    ['a repeated name', '{"urls":["http://a/?b=1&c=2","http://a/?b=1&c=3"]}'],
    ['an escape', '{"url":"http://a/?next=http%3A%2F%2Fb%2F%3Fc%3D1%26d%3D2"}'],
    ['an empty value', '{"url":"http://a/?b=&c=1"}'],
    ['a number as a name', '{"url":"http://a/?b=1&2=3"}'],
  ])('JSON that would be another text after a parser of forms is refused: with %s', (_what, json) => {
    expect(() => textOfParsed({ ...parse(json) }, formOf(json))).toThrow(BodyRefused);
  });

  test('the length of JSON that was sent as a form counts neither compressed nor with a byte order mark', () => {
    const json = '{"url":"http://a/?b=1&c=2"}';
    const form = { ...parse(json) };
    expect(textOfParsed(form, formOf(`\uFEFF${json}`))).toBe(json);
    expect(textOfParsed(form, { contentType: FORM, contentEncoding: 'gzip', contentLength: '20' })).toBe(json);
    expect(textOfParsed(form, { contentType: FORM, contentLength: undefined })).toBe(json);
  });

  test.each(['[{"force":true}]', '"force"'])('%s passes a parser of forms unchanged', (text) => {
    expect(textOfParsed({ ...parse(text) }, formOf(text))).toBe(text);
  });

  test('an empty object is a placeholder for a body that was not read', () => {
    expect([isPlaceholder({}), isPlaceholder({ a: 1 }), isPlaceholder([]), isPlaceholder('')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
