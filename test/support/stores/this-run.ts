import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whether this is the run that starts servers. */
    readonly servers?: boolean;
  }
}

interface KindOfStore {
  readonly isServer: boolean;
  /** Whether it is left to the run that starts servers although it is none. Default: `isServer`. */
  readonly isWithServers?: boolean;
}

/**
 * Returns the stores that this run tests: `npm test` has those on the disk, `npm run test:servers` those that are servers, and
 * where whole processes run on each store the databases in a file as well. A test that holds on every store stands in
 * `test/stores`, which both runs read.
 */
export function ofThisRun<Store extends KindOfStore>(stores: readonly Store[]): readonly Store[] {
  const wantsServers = inject('servers') ?? false;
  return stores.filter(({ isServer, isWithServers = isServer }) => isWithServers === wantsServers);
}
