import { parse } from 'node:querystring';
import { describe, expect, test } from 'vitest';
import { isPlaceholder, textOfParsed } from '../../../../src/http/edges/parsed-body.js';
import { BodyRefused } from '../../../../src/http/messages/http-message.js';

const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

describe('a body that a framework has read', () => {
  test.each([
    { body: '\uFEFF{"a":1}', text: '{"a":1}' },
    { body: Buffer.from('\uFEFF{"a":1}'), text: '{"a":1}' },
    { body: new TextEncoder().encode(' {"a":1}').buffer, text: '{"a":1}' },
    { body: { a: 1 }, text: '{"a":1}' },
    { body: [1], text: '[1]' },
    { body: undefined, text: '' },
  ])('is the text $text', ({ body, text }) => {
    expect(textOfParsed(body, 'application/json')).toBe(text);
  });

  test.each(['{"stale":"84_Ab-c"}', '{"stale":"a=b&c=d"}', '{"a":"x=","b":"&"}', ' {"stale": "84_Ab"}'])(
    '%s is the same after a parser of forms',
    (json) => {
      expect(JSON.parse(textOfParsed({ ...parse(json) }, FORM))).toEqual(JSON.parse(json));
    },
  );

  test('is a form where it was sent as one', () => {
    expect(textOfParsed({ ...parse('appid=wx1&secret=s') }, FORM)).toBe('{"appid":"wx1","secret":"s"}');
  });

  test('is refused with the remedy where a parser of forms has lost a part of JSON', () => {
    const mangled = { '{"appid":"wx1","tasks":': { '{"type":0}': '' } };
    expect(() => textOfParsed(mangled, FORM)).toThrow(BodyRefused);
    expect(() => textOfParsed(mangled, FORM)).toThrow(/send it as application\/json, or mount the handler before/);
  });

  test.each(["'{force:true}'", 'force: true', '{"force":true'])(
    '%s is refused as well: it may be an order that was spoilt on the way',
    (text) => expect(() => textOfParsed({ ...parse(text) }, FORM)).toThrow(BodyRefused),
  );

  test.each(['[{"force":true}]', '"force"'])('%s is handed on as what it is', (text) => {
    expect(textOfParsed({ ...parse(text) }, FORM)).toBe(text);
  });

  test('is not looked for in an object that nothing was read into', () => {
    expect([isPlaceholder({}), isPlaceholder({ a: 1 }), isPlaceholder([]), isPlaceholder('')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});
