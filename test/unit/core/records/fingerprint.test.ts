import { describe, expect, test } from 'vitest';
import { Fingerprint, inputHash, isMadeWith } from '../../../../src/core/records/fingerprint.js';

type Input = ConstructorParameters<typeof Fingerprint>[1];
const INPUT: Input = ['CANARY-secret', 'token', { a: 1, b: 2 }, 'ticket'];
const of = (input: Input, registration = '1:1'): Fingerprint => new Fingerprint(registration, input);

describe('the fingerprint of an input', () => {
  test('a fingerprint is short, and shows nothing of the input', () => {
    expect(of(INPUT).input).toMatch(/^[0-9a-f]{16}$/);
    expect(inputHash({ a: 1 })).toMatch(/^[0-9a-f]{16}$/);
  });

  test.each<[string, Input]>([
    ['another secret', ['other', 'token', { a: 1, b: 2 }, 'ticket']],
    ['no secret', [null, 'token', { a: 1, b: 2 }, 'ticket']],
    ['another access token', ['CANARY-secret', 'other', { a: 1, b: 2 }, 'ticket']],
    ['other params', ['CANARY-secret', 'token', { a: 2, b: 2 }, 'ticket']],
    ['params of a function', ['CANARY-secret', 'token', true, 'ticket']],
    ['another pushed token', ['CANARY-secret', 'token', { a: 1, b: 2 }, 'other']],
    ['one more pushed token', ['CANARY-secret', 'token', { a: 1, b: 2 }, 'ticket', null]],
    ['no pushed token', ['CANARY-secret', 'token', { a: 1, b: 2 }]],
  ])('a fingerprint differs from that of an input with %s', (_, other) => {
    expect(of(INPUT).hasSameInput(of(other))).toBe(false);
    expect(of(other).input).not.toBe(of(INPUT).input);
  });

  test('a fingerprint is that of an equal input, whatever the order of its names and the registration', () => {
    const equal: Input = ['CANARY-secret', 'token', { b: 2, a: 1 }, 'ticket'];
    expect(of(INPUT).hasSameInput(of(equal, '2:2'))).toBe(true);
    expect(of(equal).input).toBe(of(INPUT).input);
  });

  test('a fingerprint of the very same parts is recognized without a look into them', () => {
    let reads = 0;
    const params = {
      get a() {
        reads += 1;
        return 1;
      },
    };
    expect(of(['s', null, params]).hasSameInput(of(['s', null, params]))).toBe(true);
    expect(reads).toBe(0);
  });

  test('a fingerprint is computed once', () => {
    let reads = 0;
    const params = {
      get a() {
        return ++reads;
      },
    };
    const fingerprint = of(['s', null, params]);
    expect(fingerprint.input).toBe(fingerprint.input);
    expect(reads).toBe(1);
  });
});

test.each<[{ readonly registration: string; readonly input?: string }, boolean]>([
  [{ registration: '1:1' }, true],
  [{ registration: '2:1' }, false],
  [{ registration: '2:1', input: 'this' }, true],
  [{ registration: '1:1', input: 'other' }, false],
])('whether the attempt %j was made with this input: %s', (trying, expected) => {
  const fingerprint = of(INPUT);
  const input = trying.input === 'this' ? fingerprint.input : trying.input;
  expect(isMadeWith({ ...trying, ...(input === undefined ? {} : { input }) }, fingerprint)).toBe(expected);
});
