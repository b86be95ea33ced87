import { expect, test } from 'vitest';
import { tokensIn, valuesOf } from '../../../src/gateway/query-parameters.js';

test.each([
  ['a=1', []],
  ['access_token=T', [['access_token', 'T']]],
  ['ACCESS_TOKEN=T%31', [['access_token', 'T1']]],
  ['access%5Ftoken=a+b', [['access_token', 'a b']]],
  ['component_access_token=C&x=1', [['component_access_token', 'C']]],
  ['Authorizer_Access_Token=A', [['authorizer_access_token', 'A']]],
  [
    'access_token=A&component_access_token=C',
    [
      ['access_token', 'A'],
      ['component_access_token', 'C'],
    ],
  ],
  ['access_token', [['access_token', '']]],
  ['%E0%A4=1&access_token=%E0', [['access_token', '\uFFFD']]],
])('the tokens in %s are %j', (query, tokens) => {
  expect(tokensIn(query).map(({ parameter, value }) => [parameter, value])).toEqual(tokens);
});

test.each([
  ['', []],
  ['appid=a', ['a']],
  ['AppId=a&%61ppid=b&appids=c', ['a', 'b']],
  ['appid', ['']],
  ['appid%00=a&ap%09pid=b&+appid+=c&appid[]=d&appid%5B0%5D=e&%3Fappid=f', ['a', 'b', 'c', 'd', 'e', 'f']],
  ['appid_x=a&xappid=b&appid2=c&=appid', []],
])('the values of appid in %s are %j', (query, values) => {
  expect(valuesOf(query, 'appid')).toEqual(values);
});
