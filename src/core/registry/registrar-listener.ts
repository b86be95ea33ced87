import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import type { Unregistering } from './registration-removal.js';
import type { Registry } from './registry.js';

/** A document of an app or a task as it was registered. */
export interface RegisteredDocument {
  readonly id: string;
  readonly content: JsonObject;
  readonly version: number;
  /** Whether the registration changed the stored document. */
  readonly isChanged: boolean;
}

/** A listener for the registrations and unregistrations that this process makes. */
export interface RegistrarListener {
  /** The number of times that the store was found to be replaced. */
  readonly generation: number;
  /** Returns whether this app is known here, so that its absence from the store has to be judged. */
  knows(id: string): boolean;
  /** Returns the known content of an app that was lost with the store. */
  lost(id: string): JsonObject | undefined;
  /** Handles a durable registration, under its lease. The lease is released when the returned promise has settled. */
  registered(documents: readonly RegisteredDocument[]): Promise<void> | undefined;
  /**
   * Handles an unregistration before the documents of the app or task are deleted. The deletion waits for the result.
   */
  unregistering(id: string): Promise<Unregistering>;
}

/** Returns a listener that does nothing, for a store that is never replaced. */
export function listenerOf(registry: Pick<Registry, 'versionOf'>): RegistrarListener {
  return {
    generation: 0,
    knows: (id) => registry.versionOf(id) !== undefined,
    lost: () => undefined,
    registered: () => undefined,
    unregistering: async () => ({ found: noop, done: noop }),
  };
}
