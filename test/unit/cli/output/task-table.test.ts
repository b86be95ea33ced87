import { describe, expect, it } from 'vitest';
import { colourful, plain } from '../../../../src/cli/output/paint.js';
import { taskRow } from '../../../../src/cli/output/task-row.js';
import { TaskTable } from '../../../../src/cli/output/task-table.js';

const NOW = 1_000_000_000;
const HOUR = 3_600_000;
const FRESH = {
  appid: 'wx0123456789abcdef',
  type: 'access_token',
  state: 'fresh',
  obtainedAt: NOW - HOUR,
  expiresAt: NOW + HOUR,
  dueAt: NOW + HOUR - 600_000,
};
const FAILING = {
  appid: 'wx1',
  type: 'jsapi_ticket',
  subject: 'wxfedcba9876543210',
  state: 'expired',
  obtainedAt: NOW - 2 * HOUR,
  expiresAt: NOW - 1,
  dueAt: NOW - 600_000,
  lastError: { code: 'UPSTREAM_REJECTED', message: 'invalid ip 1.2.3.4', attempts: 3, retryAt: NOW + 90_000 },
};

function rows(...tasks: readonly (typeof FRESH | typeof FAILING)[]): ReturnType<typeof taskRow>[] {
  return tasks.map((task) => taskRow(task, NOW));
}

describe('a task in a list', () => {
  it.each([
    [HOUR * 2, '████████ 2h 0m'],
    [HOUR * 2 - 1, '████████ 1h 59m'],
    [HOUR, '████░░░░ 1h 0m'],
    [1_000, '█░░░░░░░ 1s'],
    [0, '░░░░░░░░ 0s'],
    [-5, '░░░░░░░░ 0s'],
  ])('a task of two hours with %i ms left shows %s', (leftMs, text) => {
    const expiresAt = NOW + leftMs;
    expect(taskRow({ ...FRESH, obtainedAt: expiresAt - 2 * HOUR, expiresAt }, NOW).left).toBe(text);
  });

  it('a task without a token has nothing left', () => {
    expect(taskRow({ appid: 'wx1', type: 't', state: 'missing' }, NOW)).toMatchObject({
      left: '-',
      next: '-',
      trouble: '',
      colour: 'red',
    });
  });

  it('a task shows when it is due, or when it is tried again after a failure', () => {
    expect(taskRow(FRESH, NOW).next).toBe('in 50m');
    expect(taskRow({ ...FRESH, dueAt: NOW }, NOW).next).toBe('now');
    expect(taskRow(FAILING, NOW).next).toBe('in 1m');
  });

  it('a task shows all its troubles', () => {
    const task = { ...FAILING, delivery: { lastError: 'status 500' }, functionMissing: true };
    expect(taskRow(task, NOW).trouble).toBe(
      'UPSTREAM_REJECTED: invalid ip 1.2.3.4 (3 times); notify: status 500; its params function is registered in another process',
    );
  });

  it('a waiting task shows for what, why, and the remedy', () => {
    const waiting = { state: 'waiting', waitingFor: 'push', reason: 'no ticket has been stored', remedy: 'Store one.' };
    expect(taskRow({ appid: 'wx1', type: 't', ...waiting, functionMissing: true }, NOW)).toMatchObject({
      next: '-',
      trouble: 'waiting for push: no ticket has been stored. Store one.',
    });
  });

  it.each([
    ['fresh', 'green'],
    ['due', 'yellow'],
    ['expired', 'red'],
    ['missing', 'red'],
    ['waiting', 'red'],
    ['something new', 'dim'],
  ])('a task that is %s is %s', (state, colour) => {
    expect(taskRow({ ...FRESH, state }, NOW).colour).toBe(colour);
  });
});

describe('a table of tasks', () => {
  it('a table has a column for subjects where there are any', () => {
    expect(new TaskTable(plain, undefined).lines(rows(FRESH))).toEqual([
      'APP                 TYPE          STATE  LEFT            REFRESH  LAST ERROR',
      'wx0123456789abcdef  access_token  fresh  ████░░░░ 1h 0m  in 50m',
    ]);
    expect(new TaskTable(plain, undefined).lines(rows(FRESH, FAILING))).toEqual([
      'APP                 TYPE          SUBJECT             STATE    LEFT            REFRESH  LAST ERROR',
      'wx0123456789abcdef  access_token                      fresh    ████░░░░ 1h 0m  in 50m',
      'wx1                 jsapi_ticket  wxfedcba9876543210  expired  ░░░░░░░░ 0s     in 1m    UPSTREAM_REJECTED: invalid ip 1.2.3.4 (3 times)',
    ]);
  });

  it('a table has one head, and columns that do not get narrower on later pages', () => {
    const table = new TaskTable(plain, undefined);
    table.lines(rows(FRESH, FAILING));
    expect(table.lines(rows({ ...FRESH, appid: 'wx1' }))).toEqual([
      'wx1                 access_token                      fresh    ████░░░░ 1h 0m  in 50m',
    ]);
  });

  it('a table cuts errors on a terminal', () => {
    const lines = new TaskTable(plain, 110).lines(rows(FAILING));
    expect(lines[1]).toHaveLength(110);
    expect(lines[1]).toMatch(/UPSTREAM_REJECTED: invalid ip 1\.2\.3\.4 \(…$/);
    expect(new TaskTable(plain, 200).lines(rows(FAILING))[1]).toContain('invalid ip 1.2.3.4 (3 times)');
  });

  it('a table shows tasks below each other where the terminal is too narrow', () => {
    for (const width of [1, 40, 80]) {
      expect(new TaskTable(plain, width).lines(rows(FRESH, FAILING))).toEqual([
        'wx0123456789abcdef access_token',
        '  fresh ████░░░░ 1h 0m, refresh in 50m',
        'wx1 jsapi_ticket wxfedcba9876543210',
        '  expired ░░░░░░░░ 0s, refresh in 1m',
        '  UPSTREAM_REJECTED: invalid ip 1.2.3.4 (3 times)',
      ]);
    }
  });

  it('a list that fits without errors stays a table on a terminal of 80 columns', () => {
    const lines = new TaskTable(plain, 80).lines(rows(FRESH));
    expect(lines).toHaveLength(2);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it('a table colours states and errors', () => {
    const [head, line] = new TaskTable(colourful, 200).lines(rows(FAILING));
    expect(head).toContain('\u001b[1mAPP');
    expect(line).toContain('\u001b[31mexpired');
    expect(line).toContain('\u001b[31mUPSTREAM_REJECTED');
  });
});
