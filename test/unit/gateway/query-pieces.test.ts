import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasFewPieces, isPlainQuery, withoutTokens, withToken } from '../../../src/gateway/query-pieces.js';

describe('the query of a call', () => {
  test.each([
    ['', 'access_token=T'],
    ['a=1&b=2', 'access_token=T&a=1&b=2'],
    ['access_token=theirs', 'access_token=T'],
    ['a=1&access_token=theirs&b=2', 'access_token=T&a=1&b=2'],
    ['ACCESS_TOKEN=x&Access_Token=y', 'access_token=T'],
    ['access%5Ftoken=x', 'access_token=T'],
    ['%61%63cess_token=x&a=%7e', 'access_token=T&a=%7e'],
    ['access_token', 'access_token=T'],
    ['+access_token=x', 'access_token=T'],
    ['access_token%00rest=x', 'access_token=T'],
    ['access_token%0d=x', 'access_token=T'],
    ['access_token[]=x&access_token%5B0%5D=y', 'access_token=T'],
    ['acc%0aess_token=x', 'access_token=T'],
    ['component_access_token=x&authorizer_access_token=y&a=1', 'access_token=T&a=1'],
    ['my_access_token=x', 'access_token=T&my_access_token=x'],
    ['token=x', 'access_token=T&token=x'],
    ['a=access_token', 'access_token=T&a=access_token'],
    ['a=%ff&b=%zz&&=', 'access_token=T&a=%ff&b=%zz&&='],
  ])('%j becomes %j with the token of the server', (query, expected) => {
    expect(withToken(query, 'access_token', 'T')).toBe(expected);
  });

  test.each([
    ['', true],
    ['&'.repeat(255), true],
    ['&'.repeat(256), false],
    ['%&'.repeat(7_000), false],
  ])('a query of 256 parameters at most has few of them: %#', (query, hasFew) => {
    expect(hasFewPieces(query)).toBe(hasFew);
  });

  test('a token with special characters is encoded', () => {
    expect(withToken('', 'component_access_token', 'a+b/c=&d')).toBe('component_access_token=a%2Bb%2Fc%3D%26d');
  });

  test('no spelling of a token parameter remains, and other parameters keep their bytes and order', () => {
    const spelled = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 12, maxLength: 12 }).map((choices) =>
      [...'access_token']
        .map((character, index) => {
          const [isEncoded, isUpper] = choices[index] ?? [false, false];
          const shown = isUpper ? character.toUpperCase() : character;
          return isEncoded ? `%${shown.charCodeAt(0).toString(16)}` : shown;
        })
        .join(''),
    );
    const other = fc
      .string({ unit: fc.constantFrom('a', 'z', '%41', '=', '+', '.'), maxLength: 6 })
      .map((text) => `o${text}`);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            spelled.map((name) => ({ name, isToken: true })),
            other.map((name) => ({ name, isToken: false })),
          ),
        ),
        (pieces) => {
          const query = pieces.map(({ name, isToken }) => (isToken ? `${name}=x` : name)).join('&');
          const others = pieces.filter(({ isToken }) => !isToken).map(({ name }) => name);
          expect(withoutTokens(query)).toBe(others.join('&'));
        },
      ),
      { numRuns: 300 },
    );
  });

  test.each([
    ['a=1', true],
    ['a=%23', true],
    ['', true],
    ['a#b', false],
    ['a=é', false],
    ['a b', false],
    ['a=\x7f', false],
    ['a=\t', false],
  ])('whether %j may be forwarded: %j', (query, isPlain) => {
    expect(isPlainQuery(query)).toBe(isPlain);
  });
});
