import { expect, test } from 'vitest';
import { TOKEN_ERROR_CODES } from '../../../../src/core/model/errors.js';
import { Events, tokenEvent } from '../../../../src/core/model/events.js';
import { isDynamicParams } from '../../../../src/core/model/registration.js';

test('the refusal of an unknown event lists the events, and each of these can be listened to', () => {
  const events = new Events();
  let message = '';
  try {
    events.on('refershed' as never, () => {});
  } catch (error) {
    ({ message } = error as TypeError);
  }
  expect(message).toMatch(/^unknown event "refershed", expected one of refreshed, /);
  const names = message.replace(/.*expected one of /, '').split(', ');
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining(['refreshed', 'recovered', 'delivered', 'authorized', 'storeReplaced']));
  for (const name of names) expect(name).toMatch(/^[a-z]+(?:[A-Z][a-z]+)*$/);
  for (const name of names) expect(() => events.on(name as never, () => {})).not.toThrow();
});

test('an event names its token, with a subject even if that is undefined', () => {
  expect(tokenEvent({ appid: 'wx1', type: 'a', subject: 's' })).toStrictEqual({
    appid: 'wx1',
    type: 'a',
    subject: 's',
  });
  expect(tokenEvent({ appid: 'wx1', type: 'a' })).toStrictEqual({ appid: 'wx1', type: 'a', subject: undefined });
});

test('the codes of errors are different words in capitals', () => {
  expect(TOKEN_ERROR_CODES.length).toBeGreaterThanOrEqual(10);
  expect(new Set(TOKEN_ERROR_CODES).size).toBe(TOKEN_ERROR_CODES.length);
  for (const code of TOKEN_ERROR_CODES) expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
});

test.each([
  [undefined, false],
  [{ code: 'x' }, false],
  [() => ({}), true],
  ['https://example.com/params', true],
])('whether the params %s are asked for at each refresh: %s', (params, expected) => {
  expect(isDynamicParams(params)).toBe(expected);
});
