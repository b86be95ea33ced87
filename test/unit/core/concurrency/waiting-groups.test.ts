import { describe, expect, test } from 'vitest';
import { WaitingGroups } from '../../../../src/core/concurrency/waiting-groups.js';

/** Returns items that wait in the groups of their first letters. */
function waiting(...items: string[]): WaitingGroups<string> {
  const groups = new WaitingGroups<string>((item) => item.charAt(0));
  for (const item of items) groups.add(item);
  return groups;
}

function takeAll(groups: WaitingGroups<string>, take: 'take' | 'takeFromLargest'): string[] {
  const taken: string[] = [];
  for (let item = groups[take](); item !== undefined; item = groups[take]()) taken.push(item);
  return taken;
}

describe('items that wait in groups', () => {
  test('the groups of waiting items take turns, and each group keeps its order', () => {
    const groups = waiting('a1', 'a2', 'a3', 'b1', 'c1', 'c2');
    expect(takeAll(groups, 'take')).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
    expect(groups.size).toBe(0);
  });

  test('a group that has had its turn comes after those that came later', () => {
    const groups = waiting('a1', 'a2');
    expect(groups.take()).toBe('a1');
    groups.add('b1');
    groups.add('a3');
    expect(takeAll(groups, 'take')).toEqual(['a2', 'b1', 'a3']);
  });

  test('items are taken from the largest of the waiting groups, and from the first of those as large', () => {
    const groups = waiting('a1', 'b1', 'b2', 'b3', 'c1', 'c2');
    expect(takeAll(groups, 'takeFromLargest')).toEqual(['b1', 'b2', 'c1', 'a1', 'b3', 'c2']);
    expect(groups.size).toBe(0);
  });

  test('an item that waits is counted once, however often it is added', () => {
    const groups = waiting('a1', 'a1', 'a2', 'b1');
    expect(groups.size).toBe(3);
    expect(takeAll(groups, 'take')).toEqual(['a1', 'b1', 'a2']);
  });

  test('items that no longer wait are not taken', () => {
    const groups = waiting('a1', 'a2', 'b1');
    expect([groups.delete('a1'), groups.delete('a1'), groups.delete('c1')]).toEqual([true, false, false]);
    expect([groups.has('a1'), groups.has('a2'), groups.has('b1'), groups.has('c1')]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(groups.size).toBe(2);
    expect(takeAll(groups, 'take')).toEqual(['a2', 'b1']);
    expect([groups.delete('a2'), groups.has('a2'), groups.size]).toEqual([false, false, 0]);
  });
});
