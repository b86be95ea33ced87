import { describe, expect, test } from 'vitest';
import { withNewest, withUnregistered } from '../../../../src/core/store/noted-changes.js';

const noted = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `n${from + index}`);

describe('changes noted as registered', () => {
  test.each([
    [998, noted(0, 998), 'new'],
    [999, noted(0, 999), 'new'],
    [1_000, noted(1, 1_000), 'new'],
  ])('a registration noted beside %i others keeps the newest thousand', (count, left, name) => {
    expect(withNewest(noted(0, count), [name])).toEqual([...left, name]);
  });
});

describe('changes noted as unregistered', () => {
  test.each([
    [998, noted(0, 998)],
    [999, noted(0, 999)],
    [1_000, noted(1, 1_000)],
  ])('an unregistration noted beside %i others keeps the newest thousand of what was there', (count, left) => {
    expect(withUnregistered(noted(0, count), new Map([['new', true]]))).toEqual([...left, 'new']);
  });

  test.each([
    [998, ['new', ...noted(0, 998)]],
    [999, ['new', ...noted(0, 999)]],
    [1_000, noted(0, 1_000)],
  ])('an unregistration of an absent name beside %i others has no room beyond a thousand', (count, left) => {
    expect(withUnregistered(noted(0, count), new Map([['new', false]]))).toEqual(left);
  });

  test('absent names make room first', () => {
    const full = withUnregistered(noted(0, 999), new Map([['absent', false]]));
    expect(withUnregistered(full, new Map([['new', true]]))).toEqual([...noted(0, 999), 'new']);
  });

  test('an absent name moves up when it is unregistered for real, and not the other way round', () => {
    const absentFirst = withUnregistered(['one'], new Map([['two', false]]));
    expect(absentFirst).toEqual(['two', 'one']);
    const deleted = withUnregistered(absentFirst, new Map([['two', true]]));
    expect(deleted).toEqual(['one', 'two']);
    expect(withUnregistered(deleted, new Map([['two', false]]))).toBe(deleted);
  });

  test('the list stays the same where nothing changes', () => {
    const before = ['one', 'two'];
    expect(withUnregistered(before, new Map([['two', true]]))).toBe(before);
    expect(withUnregistered(before, new Map())).toBe(before);
  });
});
