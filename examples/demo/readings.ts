import { DEMO_KEYS, type DemoKey, keyName } from './messages.js';

/** The observations of the readers about one key. */
export interface KeyReadings {
  gets: number;
  /** The number of gets that failed, or returned a token that was not valid at that moment. */
  bad: number;
  slowestMs: number;
  longestInvalidMs: number;
}

/**
 * Measures how long a key was without a valid token: from the first `get` of a process that failed or answered with a
 * token that WeChat would not have accepted at that moment, to that process's next one that answered with a good one.
 */
export class Readings {
  readonly #keys = new Map<string, KeyReadings>(
    DEMO_KEYS.map((key) => [keyName(key), { gets: 0, bad: 0, slowestMs: 0, longestInvalidMs: 0 }]),
  );
  readonly #badSince = new Map<string, number>();

  add(process: string, key: DemoKey, reading: { at: number; waitedMs: number; isGood: boolean }): void {
    const { at, waitedMs, isGood } = reading;
    const readings = this.of(key);
    const reader = `${process} ${keyName(key)}`;
    const badSince = this.#badSince.get(reader);
    readings.gets += 1;
    readings.slowestMs = Math.max(readings.slowestMs, waitedMs);
    if (badSince !== undefined) readings.longestInvalidMs = Math.max(readings.longestInvalidMs, at - badSince);
    if (isGood) this.#badSince.delete(reader);
    else {
      readings.bad += 1;
      readings.longestInvalidMs = Math.max(readings.longestInvalidMs, 1);
      this.#badSince.set(reader, badSince ?? at);
    }
  }

  of(key: DemoKey): KeyReadings {
    return this.#keys.get(keyName(key)) as KeyReadings;
  }

  /** Returns the numbers of gets and of bad ones, for all keys together. */
  total(): { readonly gets: number; readonly bad: number } {
    const all = [...this.#keys.values()];
    return { gets: sum(all.map(({ gets }) => gets)), bad: sum(all.map(({ bad }) => bad)) };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
