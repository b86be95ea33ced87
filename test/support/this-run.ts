import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Set by the run that starts servers. */
    readonly servers?: boolean;
  }
}

/**
 * Returns the stores that this run tests: `npm test` has those on the disk, `npm run test:servers` those that are servers.
 * A test that holds on every store stands in `test/stores`, which both runs read.
 */
export function ofThisRun<Store extends { readonly isServer: boolean }>(stores: readonly Store[]): readonly Store[] {
  const wantsServers = inject('servers') ?? false;
  return stores.filter(({ isServer }) => isServer === wantsServers);
}
