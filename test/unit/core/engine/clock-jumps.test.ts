import { beforeEach, expect, test } from 'vitest';
import { ClockJumps } from '../../../../src/core/engine/clock-jumps.js';
import type { Work } from '../../../../src/core/engine/work.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import type { Records } from '../../../../src/core/records/records.js';

const LATE = ['a', 'b'].map((subject) => ({ key: { appid: 'wx1', type: 'user', subject } }));

let calls: string[];
let jumps: ClockJumps;

beforeEach(() => {
  calls = [];
  const records = { invalidateAll: () => LATE };
  const work = {
    flights: { reschedule: ({ subject }: TokenKey) => void calls.push(`reschedule ${subject}`) },
    scheduler: {
      bringForward: (late: unknown) => void calls.push(`bring forward ${late === LATE}`),
      check: () => void calls.push('check'),
    },
  };
  jumps = new ClockJumps(records as unknown as Records, work as unknown as Work);
});

test('a clock that went back has the records that are now late refreshed earlier', () => {
  jumps.wentBack();
  expect(calls).toEqual(['bring forward true', 'reschedule a', 'reschedule b', 'check']);
});

test('a clock that went forward has the scheduler look for what is due, and nothing else', () => {
  jumps.wentForward();
  expect(calls).toEqual(['check']);
});
