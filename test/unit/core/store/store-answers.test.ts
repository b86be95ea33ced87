import { describe, expect, test } from 'vitest';
import type { Lease, StoredDocument } from '../../../../src/core/model/store.js';
import {
  checkedClaims,
  checkedDocuments,
  checkedInstant,
  checkedLease,
  checkedVersion,
} from '../../../../src/core/store/store-answers.js';

const ID = 'key/wx1/access_token';
const document: StoredDocument = { id: ID, version: 1, data: {} };
const lease: Lease = { id: ID, document, release: async () => {} };

const NOT_THE_DOCUMENT: [string, unknown][] = [
  ['another id', { ...document, id: 'key/wx2/access_token' }],
  ['no version', { ...document, version: undefined }],
  ['a version that is no number', { ...document, version: '1' }],
  ['a version that is not finite', { ...document, version: Number.NaN }],
  ['data that is no object', { ...document, data: 'text' }],
];

describe('documents', () => {
  test('documents are accepted in their order, absent ones included', () => {
    const answer = [document, undefined, null] as (StoredDocument | undefined)[];
    expect(checkedDocuments([ID, 'a/b', 'c/d'], answer)).toEqual([document, undefined, undefined]);
    expect(checkedDocuments([], [])).toEqual([]);
  });

  test.each([[[]], [[document, document]], [undefined], [{ length: 1, 0: document }], ['x']])(
    'the answer %o is not one of one id',
    (answer) => {
      expect(() => checkedDocuments([ID], answer)).toThrow('the store must return as many documents as ids');
    },
  );

  test.each(NOT_THE_DOCUMENT)('documents with %s are rejected', (_, wrong) => {
    expect(() => checkedDocuments([ID], [wrong])).toThrow(
      expect.objectContaining({
        name: 'WrongAnswer',
        message: 'the store must return the document with the id that was asked for',
      }),
    );
  });
});

describe('an instant', () => {
  test.each([0, 1.5, 1_767_225_600_000])('the instant %d is accepted', (now) => {
    expect(checkedInstant(now)).toBe(now);
  });

  test.each([undefined, '1', Number.NaN, Number.POSITIVE_INFINITY])('the instant %o is rejected', (now) => {
    expect(() => checkedInstant(now)).toThrow('the store must return epoch milliseconds');
  });
});

describe('a version', () => {
  test('a version is accepted, and undefined and null as no version', () => {
    expect([checkedVersion(7), checkedVersion(undefined), checkedVersion(null)]).toEqual([7, undefined, undefined]);
  });

  test.each(['7', 7n, true, Number.NaN])('the version %o is rejected', (version) => {
    expect(() => checkedVersion(version)).toThrow('the store must return the new version as a number');
  });
});

describe('a lease', () => {
  test('a lease is accepted with its document, without one, and when another process holds it', () => {
    const empty = { ...lease, document: undefined };
    expect([lease, empty, undefined, null].map((given) => checkedLease(ID, given))).toEqual([
      lease,
      empty,
      undefined,
      undefined,
    ]);
  });

  test.each(NOT_THE_DOCUMENT)('a lease with %s is rejected', (_, wrong) => {
    const given = { ...lease, document: wrong as StoredDocument };
    expect(() => checkedLease(ID, given)).toThrow('the document with the id that was asked for');
    expect(() => checkedClaims([lease, given])).toThrow('the document with the id that was asked for');
  });
});

test.each([undefined, {}, 'x'])('claims that are %o are rejected', (claims) => {
  expect(() => checkedClaims(claims as unknown as Lease[])).toThrow('the store must return a list of leases');
});
