import { inject, type TestAPI, test } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whether the project runs the tests of behaviour once more, on a store that hands out what is due. */
    readonly fleet?: boolean;
  }
}

export const isFleet: boolean = inject('fleet') ?? false;

/** The test function for what holds only when one process has the schedule for itself: exact instants, reads at a start. */
export const ownScheduleTest: TestAPI = isFleet ? (test.skip as TestAPI) : test;
