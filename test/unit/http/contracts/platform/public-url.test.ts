import { expect, test } from 'vitest';
import { HttpWorld } from '../../../../support/worlds/http-world.js';

const PUBLIC = /^publicUrl must be an http or https URL without credentials, query and fragment, got /;

test.each<[string, object, RegExp]>([
  ['no URL', { publicUrl: 'platform.test' }, PUBLIC],
  ['another scheme', { publicUrl: 'javascript:alert(1)' }, PUBLIC],
  ['credentials', { publicUrl: 'https://user:CANARY@platform.test' }, PUBLIC],
  ['a query', { publicUrl: 'https://platform.test/?a=1' }, PUBLIC],
  ['a fragment', { publicUrl: 'https://platform.test/#a' }, PUBLIC],
  ['a number', { publicUrl: 1 }, /^publicUrl must be .*, got a number$/],
  ['a return to no URL', { returnUrl: '/done' }, /^returnUrl must be an http or https URL without credentials, got /],
  ['a return to a script', { returnUrl: 'javascript:alert(1)' }, /^returnUrl must be /],
  ['a return with credentials', { returnUrl: 'https://user:CANARY@platform.test' }, /^returnUrl must be /],
])('a handler refuses %s', (_case, options, message) => {
  const make = (): HttpWorld => new HttpWorld({ contracts: ['push'], ...options });
  expect(make).toThrow(message);
  expect(make).toThrow(TypeError);
  expect(make).not.toThrow(/CANARY/);
});
