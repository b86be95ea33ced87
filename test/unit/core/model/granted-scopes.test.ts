import { expect, test } from 'vitest';
import { isNarrower, type Scoped, scopeOf, withScopesOf } from '../../../../src/core/model/scope.js';

test.each<[Scoped, Scoped | undefined, string | undefined]>([
  [{}, undefined, undefined],
  [{}, {}, undefined],
  [{}, { scope: 'snsapi_userinfo' }, 'snsapi_userinfo'],
  [{}, { result: { scope: 'snsapi_base' } }, 'snsapi_base'],
  [{ scope: 'snsapi_base' }, { scope: 'snsapi_userinfo' }, 'snsapi_base'],
  [{ scope: ' ' }, { scope: 'snsapi_userinfo' }, 'snsapi_userinfo'],
])('the grant %j of a refresh token with the grant %j has the scopes %s', (grant, source, scope) => {
  const granted = withScopesOf(grant, source);
  expect(scopeOf(granted)).toBe(scope);
  if (source === undefined || grant.scope === scope) expect(granted).toBe(grant);
});

test.each<[Scoped, Scoped, boolean]>([
  [{ scope: 'a' }, { scope: 'a, b' }, true],
  [{ scope: 'a' }, { scope: ' a  b' }, true],
  [{ scope: 'a,b' }, { scope: 'b,a' }, false],
  [{ scope: 'c' }, { scope: 'a,b' }, false],
  [{}, { scope: 'a' }, false],
  [{ result: { scope: 5 } }, { scope: 'a' }, false],
  [{ scope: 'snsapi_base' }, { scope: 'snsapi_userinfo' }, true],
])('whether the scopes of %j are fewer than those of %j: %s', (grant, other, expected) => {
  expect(isNarrower(grant, other)).toBe(expected);
});
