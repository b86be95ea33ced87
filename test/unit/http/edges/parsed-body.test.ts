import { parse } from 'node:querystring';
import { describe, expect, test } from 'vitest';
import { isPlaceholder, textOfParsed } from '../../../../src/http/edges/parsed-body.js';
import { BodyRefused } from '../../../../src/http/messages/http-message.js';

const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

describe('bodies that a framework has parsed', () => {
  test.each([
    { body: '\uFEFF{"a":1}', text: '{"a":1}' },
    { body: Buffer.from('\uFEFF{"a":1}'), text: '{"a":1}' },
    { body: new TextEncoder().encode(' {"a":1}').buffer, text: '{"a":1}' },
    { body: { a: 1 }, text: '{"a":1}' },
    { body: [1], text: '[1]' },
    { body: undefined, text: '' },
  ])('a parsed body becomes the text $text', ({ body, text }) => {
    expect(textOfParsed(body, 'application/json')).toBe(text);
  });

  test.each(['{"stale":"84_Ab-c"}', '{"stale":"a=b&c=d"}', '{"a":"x=","b":"&"}', ' {"stale": "84_Ab"}'])(
    '%s is the same after a parser of forms',
    (json) => {
      expect(JSON.parse(textOfParsed({ ...parse(json) }, FORM))).toEqual(JSON.parse(json));
    },
  );

  test('a parsed form becomes JSON', () => {
    expect(textOfParsed({ ...parse('appid=wx1&secret=s') }, FORM)).toBe('{"appid":"wx1","secret":"s"}');
  });

  test('JSON that a parser of forms has damaged is refused with the remedy', () => {
    const mangled = { '{"appid":"wx1","tasks":': { '{"type":0}': '' } };
    expect(() => textOfParsed(mangled, FORM)).toThrow(BodyRefused);
    expect(() => textOfParsed(mangled, FORM)).toThrow(/send it as application\/json, or mount the handler before/);
  });

  test.each(["'{force:true}'", 'force: true', '{"force":true'])(
    'the damaged order %s is refused after a parser of forms',
    (text) => expect(() => textOfParsed({ ...parse(text) }, FORM)).toThrow(BodyRefused),
  );

  test.each(['[{"force":true}]', '"force"'])('%s passes a parser of forms unchanged', (text) => {
    expect(textOfParsed({ ...parse(text) }, FORM)).toBe(text);
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
