import type { Scope } from './api-key.js';

/** The parts of a route on which the access check is based. */
export interface RouteAccess {
  /** The scope that a caller needs; `open` requires none. */
  readonly scope: Scope | 'open';
  /**
   * Whether the route changes something. A GET request of a browser without a key is refused then, because any page can
   * cause one.
   */
  readonly changes: boolean;
  /** Whether the secret of the app in the path also gives access to the route. */
  readonly opensWithSecret?: boolean;
}
