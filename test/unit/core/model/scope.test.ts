import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNarrower, type Scoped } from '../../../../src/core/model/scope.js';

describe('isNarrower', () => {
  test.each<[Scoped, Scoped, boolean]>([
    [{ scope: 'a' }, { scope: 'a,b' }, true],
    [{ scope: 'b' }, { scope: 'a b' }, true],
    [{ scope: ' b,\ta ' }, { scope: 'a, b, c' }, true],
    [{ scope: 'snsapi_base' }, { scope: 'snsapi_userinfo' }, true],
    [{ scope: 'snsapi_base' }, { result: { scope: 'snsapi_userinfo' } }, true],
    [{ result: { scope: 'snsapi_base' } }, { scope: 'snsapi_base,snsapi_userinfo' }, true],
    [{ scope: 'snsapi_userinfo' }, { scope: 'snsapi_base' }, false],
    [{ scope: 'snsapi_userinfo' }, { scope: 'snsapi_userinfo,snsapi_base' }, false],
    [{ scope: 'a,b' }, { scope: 'b a' }, false],
    [{ scope: 'a,a' }, { scope: 'a' }, false],
    [{ scope: 'a,b' }, { scope: 'a' }, false],
    [{ scope: 'c' }, { scope: 'a,b' }, false],
    [{ scope: 'a,c' }, { scope: 'a,b,d' }, false],
    [{}, { scope: 'a' }, false],
    [{ scope: '' }, { scope: 'a' }, false],
    [{ scope: 'a' }, {}, false],
    [{ scope: 'a' }, { scope: ' , ' }, false],
    [{ scope: 'a' }, { result: { scope: 7 } }, false],
    // The field counts before the answer.
    [{ scope: 'c', result: { scope: 'a' } }, { scope: 'a,b' }, false],
  ])('isNarrower of %j beside %j is %s', (grant, other, narrower) => {
    expect(isNarrower(grant, other)).toBe(narrower);
  });

  test('of two grants at most one is narrower, whatever the order and the separators', () => {
    const scopes = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'snsapi_base', 'snsapi_userinfo'));
    const separator = fc.constantFrom(',', ' ', ', ');
    fc.assert(
      fc.property(scopes, scopes, separator, (one, other, between) => {
        const [first, second] = [{ scope: one.join(between) }, { scope: other.toReversed().join(between) }];
        expect(isNarrower(first, second) && isNarrower(second, first)).toBe(false);
        expect(isNarrower(first, first)).toBe(false);
      }),
    );
  });
});
