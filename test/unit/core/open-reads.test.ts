import { describe, expect, test } from 'vitest';
import { OpenReads } from '../../../src/core/open-reads.js';

const ID = 'app/wx1';

describe('an answer', () => {
  test('is news when nothing became known while it was read', () => {
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
  ])('after version 5 became known that shows $shown is $judgement', ({ shown, judgement }) => {
    const reads = new OpenReads();
    const read = reads.begin();
    reads.noteVersion(ID, 5);
    expect(read.judge(ID, shown)).toBe(judgement);
  });

  test.each([
    { shown: 1, judgement: 'unclear' },
    { shown: undefined, judgement: 'old' },
  ])('after another read found nothing that shows $shown is $judgement', ({ shown, judgement }) => {
    const reads = new OpenReads();
    const read = reads.begin();
    reads.noteAbsence(ID);
    expect(read.judge(ID, shown)).toBe(judgement);
  });

  test('is judged by nothing that becomes known after the read has ended', () => {
    const reads = new OpenReads();
    const read = reads.begin();
    read.end();
    reads.noteVersion(ID, 5);
    expect(read.judge(ID, 1)).toBe('news');
  });
});
