import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { secondsLeft, withSecondsLeft } from '../../../../src/core/primitives/lifetime-left.js';

const END = 1_800_000_000_000;

test.each([
  [7_200_000, 7_200],
  [7_199_999, 7_199],
  [1_000, 1],
  [999, 0],
  [1, 0],
  [0, 0],
  [-1, 0],
])('with %i ms left an answer counts %i s', (leftMs, seconds) => {
  expect(secondsLeft(END, END - leftMs)).toBe(seconds);
});

describe('an answer that is passed on', () => {
  test.each<[string, JsonObject, JsonObject]>([
    ['at its top level', { access_token: 'T', expires_in: 7_200 }, { access_token: 'T', expires_in: 60 }],
    ['as text where it was text', { ticket: 'T', expires_in: '7200' }, { ticket: 'T', expires_in: '60' }],
    ['as text where it was a fraction', { ticket: 'T', expires_in: '7200.25' }, { ticket: 'T', expires_in: '60' }],
    ['where the token has another form', { made: 'of T', expires_in: 7_200 }, { made: 'of T', expires_in: 60 }],
    [
      'beside the token, in an object below',
      { authorization_info: { authorizer_access_token: 'T', expires_in: 7_200 } },
      { authorization_info: { authorizer_access_token: 'T', expires_in: 60 } },
    ],
    [
      'and not beside another thing',
      { token: 'T', pre_auth: { code: 'C', expires_in: 600 }, list: [{ expires_in: 5 }] },
      { token: 'T', pre_auth: { code: 'C', expires_in: 600 }, list: [{ expires_in: 5 }] },
    ],
    ['and not where it says none', { ticket: 'T' }, { ticket: 'T' }],
    ['and not in place of what is no number', { ticket: 'T', expires_in: null }, { ticket: 'T', expires_in: null }],
    ['and not of an odd text', { ticket: 'T', expires_in: 'soon' }, { ticket: 'T', expires_in: 'soon' }],
    ['and not of a text with a unit', { ticket: 'T', expires_in: '7200 s' }, { ticket: 'T', expires_in: '7200 s' }],
    ['and not of a text with a word', { ticket: 'T', expires_in: 'in 7200' }, { ticket: 'T', expires_in: 'in 7200' }],
    ['and not of a half fraction', { ticket: 'T', expires_in: '7200.' }, { ticket: 'T', expires_in: '7200.' }],
    ['and not of a list', { ticket: 'T', expires_in: ['7200'] }, { ticket: 'T', expires_in: ['7200'] }],
  ])('an answer that is passed on counts the time left %s', (_, answer, expected) => {
    const before = structuredClone(answer);
    const passedOn = withSecondsLeft(answer, 'T', 60);
    expect(passedOn).toEqual(expected);
    expect(Object.keys(passedOn)).toEqual(Object.keys(answer));
    expect(answer).toEqual(before);
  });
});
