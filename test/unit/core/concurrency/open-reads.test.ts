import { describe, expect, test } from 'vitest';
import { OpenReads } from '../../../../src/core/concurrency/open-reads.js';

const ID = 'app/wx1';

describe('OpenReads: an answer', () => {
  test('an answer is news when nothing became known while it was read', () => {
    const reads = new OpenReads();
    reads.noteVersion(ID, 9);
    const read = reads.begin();
    reads.noteVersion('app/wx2', 9);
    expect([read.judge(ID, 1), read.judge(ID, undefined)]).toEqual(['news', 'news']);
  });

  test.each([
    { shown: 4, judgement: 'old' },
    { shown: 5, judgement: 'old' },
    { shown: 6, judgement: 'news' },
    { shown: undefined, judgement: 'unclear' },
  ])('after version 5 became known, an answer that shows $shown is $judgement', ({ shown, judgement }) => {
    const reads = new OpenReads();
    const read = reads.begin();
    reads.noteVersion(ID, 5);
    expect(read.judge(ID, shown)).toBe(judgement);
  });

  test.each([
    { shown: 1, judgement: 'unclear' },
    { shown: undefined, judgement: 'old' },
  ])('after another read found nothing, an answer that shows $shown is $judgement', ({ shown, judgement }) => {
    const reads = new OpenReads();
    const read = reads.begin();
    reads.noteAbsence(ID);
    expect(read.judge(ID, shown)).toBe(judgement);
  });

  test('an answer is news again after the version that its read has shown is forgotten', () => {
    const reads = new OpenReads();
    const [listing, other] = [reads.begin(), reads.begin()];
    reads.noteVersion(ID, 5);
    listing.forget(ID, 5);
    expect([listing.judge(ID, 5), other.judge(ID, 5)]).toEqual(['news', 'old']);
  });

  test.each([4, 6])(
    'an answer is judged by version 5, which became known meanwhile, where version %d is forgotten',
    (shown) => {
      const reads = new OpenReads();
      const listing = reads.begin();
      reads.noteVersion(ID, 5);
      listing.forget(ID, shown);
      expect(listing.judge(ID, 5)).toBe('old');
    },
  );

  test('an answer that was read while the store was replaced is unclear, and one that was read after it is not', () => {
    const reads = new OpenReads();
    const before = reads.begin();
    reads.noteReplacement();
    const after = reads.begin();
    expect([before.judge(ID, 6), before.judge(ID, undefined)]).toEqual(['unclear', 'unclear']);
    expect(after.judge(ID, 6)).toBe('news');
  });

  test('an answer is not judged by what becomes known after its read has ended', () => {
    const reads = new OpenReads();
    const read = reads.begin();
    read.end();
    reads.noteVersion(ID, 5);
    expect(read.judge(ID, 1)).toBe('news');
  });
});
