import { describe, expect, it } from 'vitest';
import { failureText } from '../../../../src/cli/failures/failure-text.js';

const refused = Object.assign(new Error(''), { code: 'ECONNREFUSED' });

describe('the text of a failure', () => {
  it.each([
    [new Error('the port is in use'), 'the port is in use'],
    [new Error('two\nlines'), 'two lines'],
    [new Error(''), 'it failed without a message (Error)'],
    [new Error(' \n'), 'it failed without a message (Error)'],
    [new RangeError(), 'it failed without a message (RangeError)'],
    [refused, 'it failed without a message (Error, ECONNREFUSED)'],
    [new AggregateError([refused, refused]), 'it failed without a message (AggregateError, ECONNREFUSED)'],
    [new Error('', { cause: refused }), 'it failed without a message (Error, ECONNREFUSED)'],
    [Object.assign(new Error(''), { name: '' }), 'it failed without a message (Error)'],
    [Object.assign(new Error(''), { code: 'a secret' }), 'it failed without a message (Error)'],
    ['CANARY', 'a value that is not an error was thrown'],
    [undefined, 'a value that is not an error was thrown'],
  ])('the text of %o is %s', (error, text) => {
    expect(failureText(error)).toBe(text);
  });
});
