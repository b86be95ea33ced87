import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { failureError, failureFacts } from '../../../../src/core/model/failure-facts.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { DamagedDocument, seal } from '../../../../src/core/store/document-codec.js';
import {
  contentWithGrant,
  contentWithRetryState,
  heldBackUntil,
  NO_KEY_DOCUMENT,
  nextDueAt,
  type RetryState,
  readKeyDocument,
  reportedGrant,
  type StoredGrant,
  withDue,
  withoutValue,
  withValue,
} from '../../../../src/core/store/key-document.js';

const ID = 'key/wx1/access_token';
const GRANT: StoredGrant = { value: 'v', obtainedAt: 1, expiresAt: 3, dueAt: 2, result: { a: 1 } };
const TRYING: RetryState = {
  attempts: 2,
  failedAt: 5,
  retryAt: 6,
  registration: '1:2',
  backingOff: true,
  error: { code: 'UPSTREAM_REJECTED', message: 'no', retryable: true, errcode: 40164 },
};

function read(content: JsonObject, version = 9) {
  return readKeyDocument({ id: ID, version, data: JSON.parse(JSON.stringify(seal(ID, content))) });
}

describe('readKeyDocument', () => {
  test('an absent key document has version 0', () => {
    expect(readKeyDocument(undefined)).toBe(NO_KEY_DOCUMENT);
    expect(NO_KEY_DOCUMENT).toEqual({ version: 0, recordVersion: 0, unknown: {} });
  });

  test('a document that was written with a new grant gives its version to the record', () => {
    expect(read(contentWithGrant(NO_KEY_DOCUMENT, GRANT))).toEqual({
      version: 9,
      recordVersion: 9,
      grant: GRANT,
      unknown: {},
    });
  });

  test('a retry state leaves grant and version of the record as they were', () => {
    const before = read(contentWithGrant(NO_KEY_DOCUMENT, GRANT));
    const after = read(contentWithRetryState(before, TRYING), 12);
    expect(after).toEqual({ version: 12, recordVersion: 9, grant: GRANT, trying: TRYING, unknown: {} });
  });

  test('a retry state without a grant stores neither grant nor version of a record', () => {
    expect(contentWithRetryState(NO_KEY_DOCUMENT, TRYING)).toEqual({ trying: TRYING });
  });

  test('an absent retry state ends the one before', () => {
    const before = read(contentWithRetryState(read(contentWithGrant(NO_KEY_DOCUMENT, GRANT)), TRYING), 12);
    expect(read(contentWithRetryState(before, undefined), 13)).toEqual({
      version: 13,
      recordVersion: 9,
      grant: GRANT,
      unknown: {},
    });
  });

  test('a new grant ends the retry state and takes the version of its own write', () => {
    const before = read(contentWithRetryState(read(contentWithGrant(NO_KEY_DOCUMENT, GRANT)), TRYING), 12);
    const after = read(contentWithGrant(before, { ...GRANT, value: 'w' }), 13);
    expect(after).toEqual({ version: 13, recordVersion: 13, grant: { ...GRANT, value: 'w' }, unknown: {} });
  });

  test('fields of another release survive every rewrite', () => {
    const unknown = { chain: ['a', 'b'], spent: { by: 'x' } };
    const first = read({ ...unknown, ...contentWithGrant(NO_KEY_DOCUMENT, GRANT) });
    const second = read(contentWithRetryState(first, TRYING), 10);
    const third = read(contentWithGrant(second, GRANT), 11);
    expect([first, second, third].map((document) => document.unknown)).toEqual([unknown, unknown, unknown]);
  });

  test.each([null, 'x', 5, ['x']])('a grant, a state or a version that is %j counts as absent', (odd) => {
    expect(read({ grant: odd, trying: odd, recordVersion: 'x' })).toEqual({
      version: 9,
      recordVersion: 9,
      unknown: {},
    });
  });

  test('a damaged key document throws DamagedDocument', () => {
    expect(() => readKeyDocument({ id: ID, version: 1, data: { grant: {} } })).toThrow(DamagedDocument);
  });
});

test.each([
  [undefined, undefined, 0],
  [GRANT, undefined, 2],
  [undefined, TRYING, 6],
  [GRANT, TRYING, 6],
  [{ ...GRANT, dueAt: 7 }, TRYING, 7],
])('a key is next due when its token is due and may be tried', (grant, trying, at) => {
  const document = { ...NO_KEY_DOCUMENT, ...(grant && { grant }), ...(trying && { trying }) };
  expect(nextDueAt(document, 5)).toBe(at);
});

describe('a failure', () => {
  test('a failure is stored with the facts that are known, and without cause and retryAt', () => {
    const facts = { errcode: 1, errmsg: 'm', rid: 'r', ip: '1.2.3.4' };
    const error = new TokenError('A', 'b', { ...facts, retryAt: 5, retryable: true, cause: new Error('CANARY') });
    expect(failureFacts(error)).toEqual({ code: 'A', message: 'b', retryable: true, ...facts });
    expect(Object.keys(failureFacts(new TokenError('A', 'b')))).toEqual(['code', 'message', 'retryable']);
  });

  test('a stored failure is an error again, with facts of the moment and its own time', () => {
    const error = failureError(TRYING.error, { appid: 'wx1', retryAt: 6 });
    expect(error).toBeInstanceOf(TokenError);
    expect(error.toJSON()).toEqual({
      name: 'TokenError',
      code: 'UPSTREAM_REJECTED',
      message: 'no',
      appid: 'wx1',
      errcode: 40164,
      retryAt: 6,
      retryable: true,
      hostOnly: false,
    });
  });
});

describe('withoutValue and withValue', () => {
  test('withoutValue and withValue are inverse', () => {
    const value = fc.string({ minLength: 1 });
    const leaf = fc.constantFrom('THE VALUE', 'other', 1, null, true);
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('json')), fc.dictionary(fc.string(), tie('json'))),
    }));
    fc.assert(
      fc.property(value, fc.dictionary(fc.string(), json), (secret, tree) => {
        const result = JSON.parse(JSON.stringify(tree).replaceAll('"THE VALUE"', () => JSON.stringify(secret)));
        const stored = withoutValue(result, secret);
        expect(withValue(stored, secret)).toEqual(result);
      }),
    );
  });

  test('withoutValue removes the value wherever the answer holds it', () => {
    const result = { access_token: 'v', list: ['v', { deep: 'v' }], vv: 'vv', n: 1, none: null };
    const stored = withoutValue(result, 'v');
    expect(stored).toEqual({
      access_token: '\u0000value',
      list: ['\u0000value', { deep: '\u0000value' }],
      vv: 'vv',
      n: 1,
      none: null,
    });
    expect(withValue(stored, 'v')).toEqual(result);
  });
});

describe('readKeyDocument: times in the future after a clock that was set back', () => {
  const DAY = 24 * 3_600_000;

  test.each([
    ['was noted now', 100_000, 160_000, 160_000],
    ['was noted a little ahead of now', 105_000, 165_000, 160_000],
    ['was noted further ahead', 105_001, 165_001, 0],
    ['forbids attempts for more than a day', 100_000, 100_000 + DAY + 1, 100_000 + DAY],
  ])('a failure that %s blocks no longer than it did', (_, failedAt, retryAt, expected) => {
    expect(heldBackUntil({ ...TRYING, failedAt, retryAt }, 100_000)).toBe(expected);
  });

  test.each([
    [5_000, 7_000],
    [5_001, 0],
  ])('a grant that was obtained %i ms from now is due at %i ms from now', (aheadMs, dueMs) => {
    const grant = { ...GRANT, obtainedAt: 100_000 + aheadMs, dueAt: 107_000, expiresAt: 110_000 };
    expect(nextDueAt({ ...NO_KEY_DOCUMENT, grant }, 100_000)).toBe(100_000 + dueMs);
  });
});

describe('a stale report', () => {
  const reported = { ...NO_KEY_DOCUMENT, grant: GRANT, report: { value: secretHash('v'), at: 4 } };

  test('a stale report applies to the value that it is of, and makes the key due', () => {
    expect(reportedGrant(reported)).toBe(GRANT);
    expect(nextDueAt(reported, 5)).toBe(0);
    expect(nextDueAt({ ...reported, trying: TRYING }, 5)).toBe(6);
    const replaced = { ...reported, grant: { ...GRANT, value: 'w' } };
    expect(reportedGrant(replaced)).toBeUndefined();
    expect(nextDueAt(replaced, 5)).toBe(2);
    expect(reportedGrant({ ...NO_KEY_DOCUMENT, report: reported.report })).toBeUndefined();
  });

  test('a stale report outlasts a failure, ends with a new grant, and does not hold the value itself', () => {
    expect(read(contentWithRetryState(reported, TRYING)).report).toEqual(reported.report);
    expect(read(contentWithGrant(reported, GRANT))).not.toHaveProperty('report');
    expect(JSON.stringify(reported.report)).not.toContain('"v"');
  });
});

describe('withDue', () => {
  const KEY = { appid: 'wx1', type: 'access_token' };
  const due = { lane: 'access_token', at: 2 };

  test('a document is written with a due where there is a task or a due before', () => {
    const document = { ...NO_KEY_DOCUMENT, grant: GRANT };
    expect(withDue(KEY, document, true, 7)).toEqual({ due: { ...due, at: 7 } });
    expect(withDue(KEY, document, false, 7)).toEqual({});
    expect(withDue(KEY, { ...document, isScheduled: true }, false, 2)).toEqual({ due });
  });

  test.each([
    [undefined, undefined],
    [due, true],
  ])('a document is scheduled if it was read with a due: %j', (before, isScheduled) => {
    const document = { id: ID, version: 1, data: seal(ID, {}), ...(before === undefined ? {} : { due: before }) };
    expect(readKeyDocument(document).isScheduled).toBe(isScheduled);
  });
});
