import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GetOptions } from '../../../../src/core/calls/call-options.js';
import { subjectAlone } from '../../../../src/core/calls/hit-options.js';

class Wishes {
  readonly subject = 's';

  get minValidityMs(): number {
    return 5;
  }
}

class Subject {
  get subject(): string {
    return 's';
  }
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function throwing(name: string): object {
  return Object.defineProperty({ subject: 's' }, name, {
    enumerable: name === 'subject',
    get() {
      throw new Error('read');
    },
  });
}

describe('subjectAlone', () => {
  test.each<[string, unknown, string | undefined]>([
    ['a subject', { subject: 's' }, 's'],
    ['a subject that is built at run time', { subject: ['a', 'b'].join('/') }, 'a/b'],
    ['a subject without a prototype', Object.assign(Object.create(null), { subject: 's' }), 's'],
    ['an inherited subject', Object.create({ subject: 's' }), 's'],
    ['the subject of a class', new Subject(), 's'],
    ['a frozen object', Object.freeze({ subject: 's' }), 's'],
    ['a symbol beside the subject, which no check looks at', { subject: 's', [Symbol('other')]: 1 }, 's'],
    ['the name of a method of every object', { subject: 'toString' }, 'toString'],
    ['nothing', {}, undefined],
    ['a subject that is undefined', { subject: undefined }, undefined],
  ])('subjectAlone takes %s', (_name, options, subject) => {
    expect(subjectAlone(options as GetOptions)).toBe(subject);
  });

  test.each<[string, unknown]>([
    ['a wish', { subject: 's', minValidityMs: 1 }],
    ['a promise', Promise.resolve({ subject: 's' })],
    ['a Map', new Map([['subject', 's']])],
    ['a Date', new Date(0)],
    ['a deadline', { subject: 's', timeoutMs: 0 }],
    ['a signal', { subject: 's', signal: new AbortController().signal }],
    ['a wish that is undefined', { subject: 's', minValidityMs: undefined }],
    ['an unknown name', { subject: 's', validity: 1 }],
    ['an unknown name alone', { sujbect: 's' }],
    ['an own __proto__', JSON.parse('{"subject":"s","__proto__":{}}')],
    ['an own constructor', { subject: 's', constructor: 1 }],
    ['an inherited wish', Object.create({ minValidityMs: 5 }, { subject: { value: 's', enumerable: true } })],
    ['the wish of a class', new Wishes()],
    ['a wish that is not enumerable', Object.defineProperty({ subject: 's' }, 'timeoutMs', { value: 5 })],
    [
      'a signal that is not enumerable',
      Object.defineProperty({ subject: 's' }, 'signal', { value: new AbortController().signal }),
    ],
    ['a subject that is a number', { subject: 5 }],
    ['a subject that is null', { subject: null }],
    ['a subject that is a String object', { subject: new String('s') }],
    ['a subject that throws', throwing('subject')],
    ['a wish that throws', throwing('minValidityMs')],
    ['what throws whenever it is touched', revoked()],
    ['null', null],
    ['a string', 'subject'],
    ['a number', 7],
    ['a function with a subject', Object.assign(() => {}, { subject: 's' })],
    ['an array with a subject', Object.assign([], { subject: 's' })],
  ])('subjectAlone leaves %s to the full check', (_name, options) => {
    expect(subjectAlone(options as GetOptions)).toBeNull();
  });

  test('subjectAlone takes exactly the objects whose only name, if any, is that of a subject', () => {
    const value = fc.oneof(fc.string(), fc.constant(undefined), fc.integer(), fc.constant(null));
    const name = fc.constantFrom('subject', 'minValidityMs', 'timeoutMs', 'signal', 'other', '0', 'toString');
    fc.assert(
      fc.property(fc.dictionary(name, value), (options) => {
        const { subject } = options;
        const isAlone = Object.keys(options).every((key) => key === 'subject');
        const isTaken = isAlone && (subject === undefined || typeof subject === 'string');
        expect(subjectAlone(options as GetOptions)).toBe(isTaken ? subject : null);
      }),
    );
  });
});
