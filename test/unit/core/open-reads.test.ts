import { describe, expect, test } from 'vitest';
import { OpenReads } from '../../../src/core/open-reads.js';

const ID = 'app/wx1';

describe('an answer is news', () => {
  test('when nothing became known while it was read', () => {
    const reads = new OpenReads();
    reads.noteVersion(ID, 9);
    const read = reads.begin();
    reads.noteVersion('app/wx2', 9);
    expect([read.isNews(ID, 1), read.isNews(ID, undefined)]).toEqual([true, true]);
  });

  test.each([
    { shown: 4, isNews: false },
    { shown: 5, isNews: false },
    { shown: 6, isNews: true },
    { shown: undefined, isNews: false },
  ])('after version 5 became known: $shown is $isNews', ({ shown, isNews }) => {
    const reads = new OpenReads();
    const read = reads.begin();
    reads.noteVersion(ID, 5);
    expect(read.isNews(ID, shown)).toBe(isNews);
  });

  test('never after an absence became known: the document has to be read again', () => {
    const reads = new OpenReads();
    const read = reads.begin();
    reads.noteAbsence(ID);
    expect([read.isNews(ID, 1), read.isNews(ID, undefined)]).toEqual([false, false]);
  });

  test('whatever becomes known after the read has ended', () => {
    const reads = new OpenReads();
    const read = reads.begin();
    read.end();
    reads.noteVersion(ID, 5);
    expect(read.isNews(ID, 1)).toBe(true);
  });
});
