import { expect, test } from 'vitest';
import { hasLeftOvers, isEnrolledAnew, isLeftOver, remainsLeftOver } from '../../../../src/core/registry/left-overs.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const [APP, TASK] = ['app/wx1', 'task/wx1/access_token'];

/** Returns what is held with these versions, of which a reload gives these documents the version 5. */
function held(versions: Record<string, number>, found: readonly string[] = []) {
  const reloaded: string[] = [];
  return {
    reloaded,
    versionOf: (id: string) => versions[id],
    heldIds: () => Object.keys(versions),
    reload: async (id: string) => {
      reloaded.push(id);
      if (found.includes(id)) versions[id] = 5;
    },
  };
}

test('what a replaced store has left over has no version of the new one', () => {
  const one = held({ [APP]: 0, [TASK]: 3 });
  expect([isLeftOver(one, APP), isLeftOver(one, TASK), isLeftOver(one, 'app/wx2')]).toEqual([true, false, false]);
  expect([hasLeftOvers(one), hasLeftOvers(held({ [APP]: 1 })), hasLeftOvers(held({}))]).toEqual([true, false, false]);
});

test.each<[Record<string, number>, readonly string[], readonly string[], boolean]>([
  [{ [APP]: 3, [TASK]: 3 }, [], [], false],
  [{ [APP]: 0, [TASK]: 3 }, [APP], [APP], false],
  [{ [APP]: 0, [TASK]: 0 }, [APP], [APP, TASK], true],
  [{ [APP]: 0, [TASK]: 0 }, [APP, TASK], [APP, TASK], false],
  [{ [APP]: 0, [TASK]: 3 }, [], [APP], true],
])(
  'of the versions %j, with %j found, %j are read again, and something is left over: %s',
  async (versions, found, expected, remains) => {
    const one = held(versions, found);
    expect(await remainsLeftOver(one, KEY)).toBe(remains);
    expect(one.reloaded).toEqual(expected);
  },
);

test.each([
  [undefined, { version: 5, enrolment: 'b' }, false],
  [{ version: 3, enrolment: 'a' }, { version: 5, enrolment: 'b' }, true],
  [{ version: 3, enrolment: 'a' }, { version: 5, enrolment: 'a' }, false],
  [{ version: 3 }, { version: 5, enrolment: 'b' }, false],
  [{ version: 0, enrolment: 'a' }, { version: 5, enrolment: 'b' }, false],
])('whether %j was registered anew as %j: %s', (before, found, expected) => {
  expect(isEnrolledAnew(before, found)).toBe(expected);
});
