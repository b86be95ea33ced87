import { beforeEach, describe, expect, test } from 'vitest';
import type { Force } from '../../../../src/core/model/force.js';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import type { Flight } from '../../../../src/core/refresh/single-flight.js';
import type { State } from '../../../../src/core/refresh/state.js';
import { StoredAnswers } from '../../../../src/core/refresh/stored-answers.js';
import type { KeyDocument } from '../../../../src/core/store/key-document.js';

const KEY = { appid: 'wx1', type: 'a' };
const ADOPTED = { version: 9 } as CachedRecord;
const FORCE: Force = { at: 1_000, version: 3, value: 'old' };

let held: Partial<CachedRecord> | undefined;
let isDue: boolean;
let isUsable: boolean;
let isCooling: boolean;
let hasTask: boolean;
let log: unknown[];
let answers: StoredAnswers;

beforeEach(() => {
  held = undefined;
  isDue = false;
  isUsable = true;
  isCooling = false;
  hasTask = false;
  log = [];
  answers = new StoredAnswers({
    records: {
      cache: { get: () => held },
      isDue: () => isDue,
      isUsableGrant: () => isUsable,
      isGrantDue: () => isDue,
      adopt: (_key: unknown, _document: unknown, _grant: unknown, adoption: object) => {
        log.push(adoption);
        return ADOPTED;
      },
    },
    retryStates: {
      update: (...given: unknown[]) => log.push(given),
      active: (_key: unknown, urgent: boolean) => (isCooling ? { urgent } : undefined),
    },
    registry: { task: () => (hasTask ? {} : undefined) },
  } as unknown as State);
});

const flight = (more: Partial<Flight<CachedRecord>>) => ({ key: KEY, urgent: false, ...more }) as Flight<CachedRecord>;

describe('a record that this process has heard of', () => {
  test.each<[string, Partial<Flight<CachedRecord>>, Partial<CachedRecord> | undefined, boolean, boolean]>([
    ['a newer one', { reason: 'due' }, { version: 4 }, false, true],
    ['a newer one, for a caller', { reason: 'demand' }, { version: 4 }, false, true],
    ['the known one', { reason: 'due' }, { version: 3 }, false, false],
    ['a newer one that is due already', { reason: 'due' }, { version: 4 }, true, false],
    ['any, for a stale report', { reason: 'stale' }, { version: 4 }, false, false],
    ['none', { reason: 'due' }, undefined, false, false],
    [
      'one that answers force',
      { reason: 'forced', force: FORCE },
      { version: 4, obtainedAt: 1_000, value: 'new' },
      true,
      true,
    ],
    [
      'one that was asked for before force',
      { reason: 'forced', force: FORCE },
      { version: 4, obtainedAt: 999, value: 'new' },
      false,
      false,
    ],
  ])('a flight is needless by the record that was heard of: %s', (_, given, record, due, expected) => {
    held = record;
    isDue = due;
    expect(answers.heardOf(flight(given), 3)).toEqual(expected ? { kind: 'done', record } : undefined);
  });
});

describe('a record that the document shows', () => {
  const document = (recordVersion: number, more: object = {}): KeyDocument =>
    ({
      version: recordVersion,
      recordVersion,
      grant: { value: 'new', obtainedAt: 1_000, expiresAt: 9_000, dueAt: 8_000 },
      unknown: {},
      ...more,
    }) as KeyDocument;

  test.each<[string, Partial<Flight<CachedRecord>>, KeyDocument, boolean, boolean]>([
    ['a newer one', { reason: 'due' }, document(4), true, true],
    ['the known one, which is not due', { reason: 'due' }, document(3), false, true],
    ['the known one, which is due', { reason: 'due' }, document(3), true, false],
    ['the known one, for a caller', { reason: 'demand' }, document(3), false, false],
    ['another value than the stale one', { reason: 'stale', stale: 'old' }, document(3), true, true],
    ['the stale value', { reason: 'stale', stale: 'new' }, document(4), false, false],
    ['an answer to force', { reason: 'forced', force: FORCE }, document(4), true, true],
    ['no answer to force', { reason: 'forced', force: FORCE }, document(3), false, false],
    ['none', { reason: 'due' }, document(4, { grant: undefined }), false, false],
  ])('a flight is settled by the document: %s', (_, given, found, due, expected) => {
    isDue = due;
    expect(answers.settledBy(found, flight(given), 3)).toEqual(
      expected ? { kind: 'done', record: ADOPTED } : undefined,
    );
  });

  test('a grant that is not usable settles no flight', () => {
    isUsable = false;
    expect(answers.settledBy(document(4), flight({ reason: 'due' }), 3)).toBeUndefined();
  });

  test.each([true, false])('a record that is adopted is announced first where the key has a task: %s', (has) => {
    hasTask = has;
    const found = document(4);
    answers.settledBy(found, flight({ reason: 'due' }), 3);
    expect(log).toEqual([[KEY, found], { source: 'store', announceFirst: has }]);
  });

  test('a flight whose key cools down has to wait, unless the document settles it', () => {
    isCooling = true;
    const cooling = { kind: 'restart', because: 'coolsDown' };
    expect(answers.settledBy(document(3), flight({ reason: 'demand' }), 3)).toEqual(cooling);
    expect(answers.settledBy(document(4), flight({ reason: 'demand' }), 3)).toEqual({ kind: 'done', record: ADOPTED });
  });
});
