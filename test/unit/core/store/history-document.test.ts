import { describe, expect, test } from 'vitest';
import { seal } from '../../../../src/core/store/document-codec.js';
import {
  follows,
  HISTORY_ID,
  type HistoryContent,
  type HistoryState,
  readHistory,
  tagsBefore,
} from '../../../../src/core/store/history-document.js';

const CONTENT: HistoryContent = {
  id: 'h1',
  from: ['h0'],
  after: ['g1', 'g2'],
  since: 1_000,
  unregistered: ['app/wx1'],
  registered: ['app/wx2'],
  unknown: {},
};

const state = (version: number, tag?: string, tags: Record<string, string> = {}): HistoryState => ({
  ...CONTENT,
  version,
  tag,
  tags,
});

describe('a state of the history', () => {
  test.each<[string, HistoryState, HistoryState, boolean]>([
    ['an earlier version', state(4, 'e'), state(5, 'e'), false],
    ['the same state', state(5, 'e'), state(5, 'e'), true],
    ['another state of the same version', state(5, 'x'), state(5, 'e'), false],
    ['a later version with the tag among those before it', state(6, 'f', { 5: 'e' }), state(5, 'e'), true],
    ['a later version with another tag for that version', state(6, 'f', { 5: 'x' }), state(5, 'e'), false],
    ['the same state, written again as it is', state(6, 'e', { 4: 'd' }), state(5, 'e'), true],
    ['a later version without a tag, with the tag before it', state(6, undefined, { 5: 'e' }), state(5, 'e'), true],
    ['a later version of which the tag was dropped', state(200, 'z', { 150: 'y' }), state(5, 'e'), true],
    ['a later version that never had the tag', state(6, 'f', { 3: 'c' }), state(5, 'e'), false],
    ['a tag of an earlier version', state(6, 'f', { 4: 'e' }), state(5, 'e'), false],
    ['any later version of a state without a tag', state(6, 'f'), state(5), true],
    ['the same version of a state without a tag', state(5, 'x'), state(5), true],
  ])('whether %s follows the state that was seen last', (_, found, seen, expected) => {
    expect(follows(found, seen)).toBe(expected);
  });

  test('the tags before a state are those of the state that it replaces, and its tag', () => {
    expect(tagsBefore(state(5, 'e', { 3: 'c', 4: 'd' }), 5)).toEqual({ 3: 'c', 4: 'd', 5: 'e' });
  });

  test.each<[string, HistoryContent | HistoryState]>([
    ['that is new', CONTENT],
    ['made from another version', state(4, 'd', { 3: 'c' })],
    ['made from one without a tag', state(5, undefined, { 3: 'c' })],
  ])('a state %s has no tags before it', (_, content) => {
    expect(tagsBefore(content, 5)).toEqual({});
  });

  test('the last hundred tags before a state are kept, in the order of their versions', () => {
    const tags = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [String(index + 1), `t${index + 1}`]));
    const kept = Object.keys(tagsBefore(state(1_000, 'z', tags), 1_000)).map(Number);
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([100, 2, 1_000]);
  });
});

describe('the document of the history', () => {
  const read = (content: object) => readHistory({ id: HISTORY_ID, version: 5, data: seal(HISTORY_ID, { ...content }) });

  test('the document of the history is read with the fields of another release', () => {
    const { unknown, ...content } = CONTENT;
    expect(read({ ...content, tag: 'e', tags: { 4: 'd' }, later: 1 })).toStrictEqual({
      ...content,
      tag: 'e',
      tags: { 4: 'd' },
      unknown: { ...unknown, later: 1 },
      version: 5,
    });
  });

  test('fields of another form count as absent from the document of the history', () => {
    const odd = { id: 'h1', from: 'h0', after: ['g1', 5], since: '1', unregistered: null, tag: 5, tags: ['d'] };
    expect(read(odd)).toStrictEqual({
      id: 'h1',
      from: [],
      after: ['g1'],
      since: 0,
      unregistered: [],
      registered: [],
      tag: undefined,
      tags: {},
      unknown: {},
      version: 5,
    });
  });

  test('a document of the history that is damaged or of a newer release is reported as that', () => {
    const data = seal(HISTORY_ID, { id: 'h1' });
    expect(readHistory({ id: HISTORY_ID, version: 5, data: { ...data, id: 'h2' } })).toBe('damaged');
    expect(readHistory({ id: HISTORY_ID, version: 5, data: { ...data, format: 2 } })).toBe('unreadable');
    expect(() => readHistory({ id: HISTORY_ID, version: 5, data: undefined as never })).toThrow(TypeError);
  });
});
