import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  appDocumentId,
  assertAppid,
  assertSubject,
  assertTypeName,
  documentId,
  keyId,
  parseKey,
  tokenKey,
} from '../../../../src/core/model/token-key.js';

const name = fc.stringMatching(/^[A-Za-z0-9_.@-]{1,64}$/);
const subject = fc.option(fc.stringMatching(/^[\x21-\x7e]{1,128}$/), { nil: undefined });
const key = fc
  .record({ appid: name, type: name, subject })
  .map((given) => tokenKey(given.appid, given.type, given.subject));

describe('ids', () => {
  test('ids lead back to the key, for every subject', () => {
    fc.assert(
      fc.property(key, fc.constantFrom('task', 'key'), (given, kind) => {
        expect(parseKey(documentId(kind, given))).toEqual(given);
      }),
    );
  });

  test('two ids are equal for equal keys only', () => {
    fc.assert(
      fc.property(key, key, (one, two) => {
        expect(keyId(one) === keyId(two)).toBe(JSON.stringify(one) === JSON.stringify(two));
      }),
    );
  });

  test.each([
    ['a/b', 'a%2Fb'],
    ['a%b', 'a%25b'],
    ['a%2Fb', 'a%252Fb'],
    ['%25', '%2525'],
    ['//%%', '%2F%2F%25%25'],
  ])('the subject %s is the segment %s', (given, segment) => {
    const id = `key/wx1/t/${segment}`;
    expect(documentId('key', { appid: 'wx1', type: 't', subject: given })).toBe(id);
    expect(parseKey(id)).toEqual({ appid: 'wx1', type: 't', subject: given });
  });

  test('a key without a subject has no subject field, not even an undefined one', () => {
    expect(Object.keys(tokenKey('wx1', 't', undefined))).toEqual(['appid', 'type']);
    expect(Object.keys(parseKey('task/wx1/t') as object)).toEqual(['appid', 'type']);
    expect(tokenKey('wx1', 't', 's')).toEqual({ appid: 'wx1', type: 't', subject: 's' });
  });

  test.each(['app/wx1', 'app/wx1/t', 'limit/wx1/t', 'quarantine/wx1/t', 'task/wx1', 'key', ''])(
    'the id %j names no key',
    (id) => {
      expect(parseKey(id)).toBeUndefined();
    },
  );

  test('an app has one document', () => {
    expect(appDocumentId('wx1')).toBe('app/wx1');
  });
});

describe('names', () => {
  const odd = [
    '',
    'a b',
    'a/b',
    'a\n',
    'a\nb',
    'a\0',
    'ä',
    'a%',
    'a'.repeat(65),
    'a'.repeat(300),
    5,
    null,
    undefined,
    {},
    ['a'],
  ];
  const sound = ['a', 'a'.repeat(64), 'AZaz09_.@-', '__proto__', 'constructor'];

  test.each(odd)('the name %j is neither an appid nor a type', (given) => {
    expect(() => assertAppid(given)).toThrow(/^appid must be 1 to 64 characters/);
    expect(() => assertAppid(given)).toThrow(TypeError);
    expect(() => assertTypeName(given)).toThrow(/^type must be 1 to 64 characters/);
    expect(() => assertTypeName(given)).toThrow(TypeError);
  });

  test.each(sound)('the name %s is both an appid and a type', (given) => {
    expect(() => assertAppid(given)).not.toThrow();
    expect(() => assertTypeName(given)).not.toThrow();
  });

  test.each(['', 'a b', 'a\n', '\x7f', 'ä', 'a'.repeat(129), 5, null, {}])('%j is no subject', (given) => {
    expect(() => assertSubject(given)).toThrow(/^subject must be 1 to 128 printable ASCII characters/);
    expect(() => assertSubject(given)).toThrow(TypeError);
  });

  test.each(['!', '~', 'a/b%', 'a'.repeat(128), undefined])('%j is a subject', (given) => {
    expect(() => assertSubject(given)).not.toThrow();
  });

  test('the message shows a name on one line, and nothing of a text too long for one, which may be a token', () => {
    expect(() => assertAppid(`a\n${'b'.repeat(38)}`)).toThrow(`got "a\\n${'b'.repeat(38)}"`);
    expect(() => assertAppid(`a\n${'b'.repeat(39)}`)).toThrow('got a string (41 characters)');
  });
});
