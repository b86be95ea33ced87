import { inject, type TestAPI, test } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Set by the project that runs the tests of behaviour once more, on a store that hands out what is due. */
    readonly fleet?: boolean;
  }
}

export const isFleet: boolean = inject('fleet') ?? false;

/** A test of what is true of a schedule that one process has for itself: the exact instant, all that is read at a start. */
export const ownScheduleTest: TestAPI = isFleet ? (test.skip as TestAPI) : test;
