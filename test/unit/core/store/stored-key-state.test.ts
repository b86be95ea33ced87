import { describe, expect, test } from 'vitest';
import { seal, unreadable, unseal } from '../../../../src/core/store/document-codec.js';
import { tagsBefore } from '../../../../src/core/store/history-document.js';
import {
  contentWithGrant,
  contentWithRetryState,
  isAbsent,
  type KeyDocument,
  NO_KEY_DOCUMENT,
  type RetryState,
  readKeyDocument,
  retryAtForCallers,
} from '../../../../src/core/store/key-document.js';

const ID = 'key/wx1/access_token';
const GRANT = { value: 'CANARY', obtainedAt: 1, expiresAt: 2, dueAt: 2 };
const TRYING: RetryState = {
  attempts: 1,
  failedAt: 1_000,
  retryAt: 61_000,
  registration: '1:1',
  backingOff: true,
  error: { code: 'TIMEOUT', message: 'no', retryable: true },
};
const FULL: KeyDocument = {
  version: 7,
  recordVersion: 5,
  grant: GRANT,
  trying: TRYING,
  rotation: { token: 'r', known: ['h'] },
  enrolment: { app: 'a', task: 't' },
  revokedAt: 3,
  report: { value: 'h', at: 4 },
  lostAt: 5,
  unknown: { later: 1 },
};

const read = (content: object, version = 7): KeyDocument =>
  readKeyDocument({ id: ID, version, data: seal(ID, { ...content }) });

describe('the stored state of a key', () => {
  test('the stored state of a key is read as it was written', () => {
    expect(read(contentWithRetryState(FULL, FULL.trying))).toStrictEqual(FULL);
    expect(read(contentWithRetryState(NO_KEY_DOCUMENT, undefined))).toStrictEqual({
      version: 7,
      recordVersion: 7,
      unknown: {},
    });
  });

  test('a new grant settles the retry state, the report and the loss, and keeps the rest', () => {
    const { trying: _trying, report: _report, lostAt: _lostAt, ...kept } = FULL;
    const grant = { ...GRANT, value: 'CANARY-new' };
    expect(read(contentWithGrant(FULL, grant))).toStrictEqual({ ...kept, recordVersion: 7, grant });
  });

  test('fields of another form count as absent from the stored state of a key', () => {
    const odd = { grant: 'x', trying: [], rotation: 5, report: null, lostAt: '5', revokedAt: '3', enrolment: 'a' };
    expect(read({ ...odd, recordVersion: '5' })).toStrictEqual({ version: 7, recordVersion: 7, unknown: {} });
  });

  test.each<[Partial<KeyDocument>, boolean]>([
    [{}, true],
    [{ grant: GRANT }, false],
    [{ hidden: GRANT }, false],
  ])('whether the document %j of a key is without a token: %s', (more, expected) => {
    expect(isAbsent({ ...NO_KEY_DOCUMENT, ...more })).toBe(expected);
  });

  test.each([
    [true, 61_000, 6_000],
    [true, 3_000, 3_000],
    [false, 61_000, 61_000],
  ])('with a back-off: %s, callers may try again before %i at %i', (backingOff, retryAt, expected) => {
    expect(retryAtForCallers({ ...TRYING, backingOff, retryAt })).toBe(expected);
  });
});

describe('documents that cannot be read', () => {
  const open = (data: object) => () => unseal({ id: ID, version: 1, data: { ...data } });

  test('a document that its store could not read is an error with the reason of the store', () => {
    const message = `the stored document ${ID} cannot be read: the key is lost`;
    expect(open(unreadable('the key is lost'))).toThrow(message);
    expect(open(unreadable('the key is lost'))).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
  });

  test('a document that is still encrypted is an error, and not taken for a damaged one', () => {
    const message = `the stored document ${ID} cannot be read: it is encrypted`;
    expect(open({ encrypted: 1, data: 'x' })).toThrow(message);
    expect(open({ encrypted: 1, data: 'x' })).toThrow(expect.objectContaining({ code: 'STORE_UNAVAILABLE' }));
    expect(open({ encrypted: 'yes' })).not.toThrow('encrypted');
    expect(open(seal(ID, { encrypted: 1 }))()).toEqual({ encrypted: 1 });
  });
});

test('the tags of versions that are instants are kept in the order of the versions', () => {
  const [first, second, third] = [1_767_225_600_000_001, 1_767_225_600_000_002, 1_767_225_600_000_003];
  const content = { id: 'h', from: [], after: [], since: 0, unregistered: [], registered: [], unknown: {} };
  const state = { ...content, version: third, tag: 'c', tags: { [second]: 'b', [first]: 'a' } };
  expect(Object.entries(tagsBefore(state, third))).toEqual([
    [String(first), 'a'],
    [String(second), 'b'],
    [String(third), 'c'],
  ]);
});
