import { expect, test } from 'vitest';
import {
  appDocumentId,
  appidOf,
  documentId,
  keyIn,
  registrationIds,
  tokenKey,
} from '../../../../src/core/model/token-key.js';

const KEY = tokenKey('wx1', 'access_token', 'a/b%c');

test.each([
  ['app/wx1', 'wx1'],
  ['task/wx1/access_token', 'wx1'],
  ['key/wx1/access_token/s', 'wx1'],
])('the appid in the id %s of a document is %s', (id, appid) => {
  expect(appidOf(id)).toBe(appid);
});

test('the id of a document is that of its key, with the slashes of the subject escaped', () => {
  expect(documentId('key', KEY)).toBe('key/wx1/access_token/a%2Fb%25c');
  expect(keyIn('key', documentId('key', KEY))).toEqual(KEY);
  expect(registrationIds(KEY)).toEqual([appDocumentId('wx1'), documentId('task', KEY)]);
});
