import { describe, expect, test } from 'vitest';
import { type Change, ChangePoll } from '../../../../src/stores/sql/change-poll.js';
import { FakeClock } from '../../../../src/testing/index.js';

const POLL_MS = 500;

interface Row extends Change {
  readonly changedAt: number;
}

/** A table that answers as the database would, on the clock of the test. */
class ChangingTable {
  readonly clock = new FakeClock();
  readonly told: (string | undefined)[] = [];
  readonly reads: number[] = [];
  isDown = false;
  readonly #rows = new Map<string, Row>();

  write(id: string, version: number, changedAt: number = this.clock.now()): void {
    this.#rows.set(id, { id, version, changedAt });
  }

  watch(): Promise<ChangePoll> {
    return ChangePoll.start({
      clock: this.clock,
      changed: (id) => void this.told.push(id),
      read: async (since, limit) => {
        if (this.isDown) throw new Error('down');
        const now = this.clock.now();
        const rows = [...this.#rows.values()].filter(({ changedAt }) => changedAt > since && changedAt <= now);
        this.reads.push(rows.length);
        return { now, changes: rows.slice(0, limit) };
      },
    });
  }

  /** What is told meanwhile. */
  async after(ms: number): Promise<(string | undefined)[]> {
    this.told.length = 0;
    await this.clock.advance(ms);
    return [...this.told];
  }
}

describe('a poll for changes', () => {
  test('a poll reports each change once, and none from before it began', async () => {
    const table = new ChangingTable();
    table.write('a/before', 1);
    const poll = await table.watch();
    await table.clock.advance(1);
    table.write('a/1', 1);
    table.write('a/2', 1);
    expect(await table.after(POLL_MS)).toEqual(['a/1', 'a/2']);
    table.write('a/1', 2);
    expect(await table.after(POLL_MS)).toEqual(['a/1']);
    expect(await table.after(20 * POLL_MS)).toEqual([]);
    await poll.end();
  });

  test('a poll reports a change that was committed after later ones', async () => {
    const table = new ChangingTable();
    const poll = await table.watch();
    await table.clock.advance(1_000);
    const beganAt = table.clock.now();
    table.write('a/quick', 1, beganAt + 400);
    expect(await table.after(3_000)).toEqual(['a/quick']);
    table.write('a/slow', 1, beganAt);
    expect(await table.after(POLL_MS)).toEqual(['a/slow']);
    await poll.end();
  });

  test('a poll reports that all may have changed after more than 1000 changes, and goes on from there', async () => {
    const table = new ChangingTable();
    const poll = await table.watch();
    await table.clock.advance(1);
    for (let index = 0; index < 1_000; index++) table.write(`a/${index}`, 1);
    expect(await table.after(POLL_MS)).toHaveLength(1_000);
    for (let index = 0; index < 1_001; index++) table.write(`b/${index}`, 1);
    expect(await table.after(POLL_MS)).toEqual([undefined]);
    await table.clock.advance(1);
    table.write('a/1', 2);
    expect(await table.after(POLL_MS)).toEqual(['a/1']);
    expect(await table.after(20 * POLL_MS)).toEqual([]);
    await poll.end();
  });

  test('a poll reports that all may have changed after it could not read', async () => {
    const table = new ChangingTable();
    const poll = await table.watch();
    table.isDown = true;
    expect(await table.after(20 * POLL_MS)).toEqual([]);
    table.write('a/1', 1);
    table.isDown = false;
    expect(await table.after(POLL_MS)).toEqual([undefined]);
    table.write('a/2', 1);
    expect(await table.after(POLL_MS)).toEqual(['a/2']);
    await poll.end();
  });

  test('a poll reports that all may have changed when the clock of the database was set back', async () => {
    const table = new ChangingTable();
    const poll = await table.watch();
    table.write('a/1', 1);
    await table.clock.advance(POLL_MS);
    table.clock.jump(-3_600_000);
    table.write('a/2', 1);
    expect(await table.after(POLL_MS)).toEqual([undefined]);
    table.write('a/1', 2);
    expect(await table.after(POLL_MS)).toEqual(['a/1']);
    await poll.end();
  });

  test('a poll reads at once when it is woken, but not without pause', async () => {
    const table = new ChangingTable();
    const poll = await table.watch();
    await table.clock.advance(POLL_MS);
    await table.clock.advance(100);
    table.write('a/1', 1);
    poll.wake();
    expect(await table.after(0)).toEqual(['a/1']);
    table.reads.length = 0;
    for (let times = 0; times < 100; times++) {
      poll.wake();
      await table.clock.advance(1);
    }
    expect(table.reads.length).toBeLessThanOrEqual(3);
    expect(table.reads.length).toBeGreaterThan(0);
    await poll.end();
  });

  test('a poll that is woken while it reads reads again soon', async () => {
    const clock = new FakeClock();
    let reads = 0;
    let answer = (): void => undefined;
    const poll = await ChangePoll.start({
      clock,
      changed: () => undefined,
      read: async () => {
        reads += 1;
        if (reads === 3) await new Promise<void>((resolve) => (answer = resolve));
        return { now: clock.now(), changes: [] };
      },
    });
    await clock.advance(POLL_MS);
    expect(reads).toBe(3);
    poll.wake();
    answer();
    await clock.advance(50);
    expect(reads).toBe(4);
    await poll.end();
  });

  test('a poll that is ended has no timer and reports nothing', async () => {
    const table = new ChangingTable();
    const poll = await table.watch();
    await poll.end();
    poll.wake();
    expect(table.clock.pendingTimers).toBe(0);
    table.write('a/1', 1);
    expect(await table.after(20 * POLL_MS)).toEqual([]);
  });
});
