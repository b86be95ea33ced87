import type { Scope } from './api-key.js';

/** The parts of a route that decide who may use it. */
export interface RouteAccess {
  /** The scope that a caller needs; `open` lets every caller in. */
  readonly scope: Scope | 'open';
  /** Whether it changes something, by GET too where it takes that: then no browser may be led to it without a key. */
  readonly changes: boolean;
  /** Whether the secret of the app that the path names opens the route as well. */
  readonly opensWithSecret?: boolean;
}
