import { beforeEach, describe, expect, test } from 'vitest';
import type { HistoryContent, HistoryState } from '../../../../src/core/store/history-document.js';
import { HistoryNotes, type NotedHistory } from '../../../../src/core/store/history-notes.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const DAY_MS = 24 * 3_600_000;

let clock: FakeClock;
let seen: HistoryState | undefined;
let written: HistoryContent[];
let checks: number;
let onCheck: () => void;
let beforeWrite: () => void | Promise<void>;
let notes: HistoryNotes;

beforeEach(() => {
  clock = new FakeClock();
  seen = state({});
  written = [];
  checks = 0;
  onCheck = () => {};
  beforeWrite = () => {};
  const history: NotedHistory = {
    get seen() {
      return seen;
    },
    change: async (change) => {
      await beforeWrite();
      const content = seen === undefined ? undefined : change(seen);
      if (content === undefined) return 'unneeded';
      written.push(content);
      seen = { ...(seen as HistoryState), ...content };
      return 'written';
    },
    check: async () => {
      checks += 1;
      onCheck();
    },
  };
  notes = new HistoryNotes(history, clock);
});

function state(fields: Partial<HistoryState>): HistoryState {
  const names = { from: [], after: [], unregistered: [], registered: [], tags: [] };
  return { id: 'one', since: clock.now(), version: 1, tag: 't', unknown: {}, ...names, ...fields } as HistoryState;
}

/** Has the history be a restored state of another one. */
const restore = (fields: Partial<HistoryState> = {}): void => {
  seen = state({ from: ['earlier'], ...fields });
};

describe('registrations', () => {
  test('registrations are not named in a history that is no restored state, and cause one write', async () => {
    expect(notes.noteRegistered(['app/wx1'])).toBeUndefined();
    expect(notes.noteRegistered(['app/wx2'], ['app/wx3'])).toBeUndefined();
    await clock.advance(2_000);
    expect(written.map(({ registered }) => registered)).toEqual([[], []]);
    await clock.advance(60_000);
    expect([written.length, clock.pendingTimers]).toEqual([2, 0]);
  });

  test('registrations that have changed nothing cause no write', async () => {
    expect(notes.noteRegistered([], ['app/wx1'])).toBeUndefined();
    restore();
    expect(notes.noteRegistered([])).toBeUndefined();
    await clock.advance(60_000);
    expect(written).toEqual([]);
  });

  test('registrations before the first check are named once the history is found to be a restored state', async () => {
    seen = undefined;
    beforeWrite = () => restore();
    expect(notes.noteRegistered(['app/wx1'])).toBeUndefined();
    await clock.advance(0);
    expect(written.map(({ registered }) => registered)).toEqual([['app/wx1']]);
  });

  test('registrations in a restored state are named before their callers go on, those that were found too', async () => {
    restore();
    const noting = Promise.all([notes.noteRegistered(['app/wx1']), notes.noteRegistered([], ['app/wx2'])]);
    await noting;
    expect(written.map(({ registered }) => registered)).toEqual([['app/wx1', 'app/wx2']]);
  });

  test.each([
    [DAY_MS - 1, ['app/wx1']],
    [DAY_MS, []],
  ])('in a restored state of %i ms ago, registrations are named: %j', async (ageMs, registered) => {
    restore({ since: clock.now() - ageMs });
    await notes.noteRegistered(['app/wx1']);
    await clock.advance(1);
    expect(written.map((content) => content.registered)).toEqual([registered]);
  });

  test('registrations that could not be named are named in the background, a second later', async () => {
    restore();
    let failures = 2;
    beforeWrite = () => {
      if (failures-- > 0) throw new Error('gone');
    };
    await notes.noteRegistered(['app/wx1']);
    await clock.advance(0);
    expect(written).toEqual([]);
    // A failed write in the background is repeated with the next change.
    notes.noteChange();
    await clock.advance(1_000);
    expect(written.map(({ registered }) => registered)).toEqual([['app/wx1']]);
  });
});

describe('unregistrations', () => {
  test('concurrent unregistrations share one write, and the next ones another', async () => {
    let answer = (): void => {};
    beforeWrite = () => new Promise((resolve) => (answer = resolve));
    const first = notes.noteUnregistered(['app/wx1']);
    await clock.advance(0);
    const rest = [notes.noteUnregistered(['app/wx2']), notes.noteUnregistered(['app/wx3'])];
    beforeWrite = () => {};
    answer();
    await Promise.all([first, ...rest]);
    expect(written.map(({ unregistered }) => unregistered)).toEqual([['app/wx1'], ['app/wx1', 'app/wx2', 'app/wx3']]);
  });

  test('an unregistration without names writes nothing', async () => {
    await notes.noteUnregistered([]);
    await clock.advance(60_000);
    expect([written, checks]).toEqual([[], 0]);
  });

  test('an unregistration after a failed one is noted together with nothing that has failed', async () => {
    beforeWrite = () => {
      throw new Error('gone');
    };
    await expect(notes.noteUnregistered(['app/wx1'])).rejects.toThrow('gone');
    beforeWrite = () => {};
    await notes.noteUnregistered(['app/wx2']);
    expect(written.map(({ unregistered }) => unregistered)).toEqual([['app/wx2']]);
  });

  test('an unregistration that is noted already is written as a change, after one look at the history', async () => {
    seen = state({ unregistered: ['app/wx1'] });
    await notes.noteUnregistered(['app/wx1']);
    await clock.advance(0);
    expect(checks).toBe(1);
    expect(written.map(({ unregistered }) => unregistered)).toEqual([['app/wx1']]);
  });

  test('an unregistration that is noted already is noted again in a history that has replaced this one', async () => {
    seen = state({ unregistered: ['app/wx1'] });
    onCheck = () => {
      onCheck = () => {};
      seen = state({ id: 'two' });
    };
    await notes.noteUnregistered(['app/wx1']);
    expect([checks, written.map(({ unregistered }) => unregistered)]).toEqual([1, [['app/wx1']]]);
  });

  test('an unregistration is not named in a history that is a day old', async () => {
    seen = state({ since: clock.now() - DAY_MS });
    await notes.noteUnregistered(['app/wx1']);
    await clock.advance(0);
    expect(written.map(({ unregistered }) => unregistered)).toEqual([[]]);
  });

  test('an unregistration with nothing to delete displaces no other, also where a name is noted twice', async () => {
    const full = Array.from({ length: 1_000 }, (_, index) => `app/x${index}`);
    seen = state({ unregistered: full });
    await notes.noteUnregistered(['app/wx1'], false);
    expect(seen?.unregistered).toContain('app/x0');
    await Promise.all([notes.noteUnregistered(['app/wx2'], true), notes.noteUnregistered(['app/wx2'], false)]);
    expect(seen?.unregistered).toContain('app/wx2');
  });
});

describe('changes', () => {
  test('changes are written once a second at most, and without a further pause on stop', async () => {
    notes.noteChange();
    notes.noteChange();
    await clock.advance(0);
    expect(written).toHaveLength(1);
    notes.noteChange();
    await clock.advance(999);
    expect(written).toHaveLength(1);
    await notes.stop();
    expect([written.length, clock.pendingTimers]).toEqual([2, 0]);
  });

  test('a change during a write is written by the next one', async () => {
    let answer = (): void => {};
    beforeWrite = () => new Promise((resolve) => (answer = resolve));
    notes.noteChange();
    await clock.advance(0);
    notes.noteChange();
    beforeWrite = () => {};
    answer();
    await clock.advance(1_000);
    expect([written.length, clock.pendingTimers]).toEqual([2, 0]);
  });
});
