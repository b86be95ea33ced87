import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import type { Unregistering } from './registration-removal.js';
import type { Registry } from './registry.js';

/** A document of an app or a task as it was registered. */
export interface RegisteredDocument {
  readonly id: string;
  readonly content: JsonObject;
  readonly version: number;
  /** Whether that changed what is stored. */
  readonly isChanged: boolean;
}

/** Keeps in mind what this process registers and unregisters. */
export interface RegistrarListener {
  /** The number of times that the store was found to be replaced. */
  readonly generation: number;
  /** Returns whether this app is known here, so that its absence has to be judged. */
  knows(id: string): boolean;
  /** Returns what is known of an app that was lost with the store. */
  lost(id: string): JsonObject | undefined;
  /** Is called under the lease when a registration is durable. The lease is released when the promise it returns has settled. */
  registered(documents: readonly RegisteredDocument[]): Promise<void> | undefined;
  /** Is called before the documents of an app or a task are deleted, and is awaited. */
  unregistering(id: string): Promise<Unregistering>;
}

/** Returns a listener that takes note of nothing, of a store that is never replaced. */
export function listenerOf(registry: Pick<Registry, 'versionOf'>): RegistrarListener {
  return {
    generation: 0,
    knows: (id) => registry.versionOf(id) !== undefined,
    lost: () => undefined,
    registered: () => undefined,
    unregistering: async () => ({ found: noop, done: noop }),
  };
}
