import { describe, expect, test } from 'vitest';
import { OwnWrites } from '../../../src/stores/own-writes.js';
import { FakeClock } from '../../../src/testing/index.js';

const ID = 'key/wx1/access_token';
const ANSWERED_WITHIN_MS = 1_000;

class Writer {
  readonly clock = new FakeClock();
  readonly own = new OwnWrites(this.clock);
  readonly told: number[] = [];

  hear(version: number, id: string = ID): void {
    this.own.tellIfNews(id, version, () => void this.told.push(version));
  }

  /** A write that is answered when the test says so. */
  write(id: string = ID): { answer(version: number | undefined): Promise<void>; fail(): Promise<void> } {
    let resolve: (version: number | undefined) => void = () => {};
    let reject: (error: Error) => void = () => {};
    const promise = new Promise<number | undefined>((answer, fail) => {
      resolve = answer;
      reject = fail;
    });
    const noted = this.own.note(id, promise).catch(() => {});
    const settled = async (): Promise<void> => {
      await noted;
      await this.clock.advance(0);
    };
    return {
      answer(version) {
        resolve(version);
        return settled();
      },
      fail() {
        reject(new Error('lost'));
        return settled();
      },
    };
  }
}

describe('word of a write', () => {
  test('is no news after its answer, for that version of that document alone', async () => {
    const writer = new Writer();
    await writer.write().answer(7);
    writer.hear(7);
    expect(writer.told).toEqual([]);
    writer.hear(8);
    writer.hear(6);
    writer.hear(7, 'key/wx2/access_token');
    expect(writer.told).toEqual([8, 6, 7]);
  });

  test('that comes before its answer waits for it', async () => {
    const writer = new Writer();
    const write = writer.write();
    writer.hear(7);
    expect(writer.told).toEqual([]);
    await write.answer(7);
    expect(writer.told).toEqual([]);
    expect(writer.clock.pendingTimers).toBe(0);
  });

  test.each([
    ['another version is answered', (write: ReturnType<Writer['write']>) => write.answer(8)],
    ['the write is lost to somebody else', (write: ReturnType<Writer['write']>) => write.answer(undefined)],
    ['the write fails', (write: ReturnType<Writer['write']>) => write.fail()],
  ])('is news when %s', async (_, settle) => {
    const writer = new Writer();
    const write = writer.write();
    writer.hear(7);
    await settle(write);
    expect(writer.told).toEqual([7]);
  });

  test('is told once, in time, when no answer comes', async () => {
    const writer = new Writer();
    const write = writer.write();
    writer.hear(7);
    await writer.clock.advance(ANSWERED_WITHIN_MS - 1);
    expect(writer.told).toEqual([]);
    await writer.clock.advance(1);
    expect(writer.told).toEqual([7]);
    await write.answer(7);
    expect(writer.told).toEqual([7]);
  });

  test.each([
    [ANSWERED_WITHIN_MS, []],
    [ANSWERED_WITHIN_MS + 1, [7]],
  ])('after an answer that took %d ms is told: %j', async (tookMs, told) => {
    const writer = new Writer();
    const write = writer.write();
    await writer.clock.advance(tookMs);
    await write.answer(7);
    writer.hear(7);
    expect(writer.told).toEqual(told);
  });

  test('waits for every write of the document that is under way', async () => {
    const writer = new Writer();
    const [first, second] = [writer.write(), writer.write()];
    await first.answer(undefined);
    writer.hear(7);
    expect(writer.told).toEqual([]);
    await second.answer(7);
    expect(writer.told).toEqual([]);
  });

  test('of the last thousand documents is remembered', async () => {
    const writer = new Writer();
    for (let index = 0; index <= 1_000; index++) await writer.own.note(`key/wx${index}/a`, Promise.resolve(index + 1));
    writer.hear(1, 'key/wx0/a');
    writer.hear(2, 'key/wx1/a');
    expect(writer.told).toEqual([1]);
  });
});
