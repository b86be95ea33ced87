import { isTokenError, type TokenError } from '../model/errors.js';
import type { StoredDocument } from '../model/store.js';
import { documentId, parseKey, registrationIds, type TokenKey } from '../model/token-key.js';
import type { RetryStates } from '../records/retry-states.js';
import { unsealTask } from '../registry/registration-document.js';
import type { Registry } from '../registry/registry.js';
import type { RegisteredTask } from '../registry/task-entry.js';
import type { DocumentReader } from '../store/document-reader.js';
import { type KeyDocument, NO_KEY_DOCUMENT, readKeyDocument } from '../store/key-document.js';
import type { StoreClock } from '../store/store-clock.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import type { KnownKey } from './waiting.js';

export interface KnownKeysParts {
  readonly store: SupervisedStore;
  readonly reader: DocumentReader;
  readonly registry: Registry;
  readonly retryStates: Pick<RetryStates, 'counting'>;
  readonly clock: StoreClock;
}

/** The content of a document: the tokens of a key, the registration of a task, or merely the existence of an app. */
interface Read {
  readonly document?: KeyDocument | undefined;
  readonly task?: RegisteredTask | undefined;
  readonly isThere: boolean;
  /** The reason why the document is unreadable. */
  readonly unreadable?: TokenError;
}

/**
 * Reads the stored state of some keys and of their dependencies, as it is requested, with many documents in one round
 * trip.
 */
export class KnownKeys {
  readonly #parts: KnownKeysParts;
  /** The documents that have been read, by id. */
  readonly #read = new Map<string, Read>();
  readonly #wanted = new Set<string>();

  constructor(parts: KnownKeysParts) {
    this.#parts = parts;
  }

  /** Adds a key whose documents have been read already. */
  add(key: TokenKey, task: RegisteredTask | undefined, document: KeyDocument): void {
    this.#read.set(documentId('task', key), { task, isThere: true });
    this.#read.set(documentId('key', key), { document, isThere: true });
  }

  /**
   * Returns the known state of a key; `undefined` if one of its documents has to be read first, which the next round
   * does.
   */
  of(key: TokenKey): KnownKey | undefined {
    const ids = [...registrationIds(key), documentId('key', key)] as const;
    const [app, task, own] = ids.map((id) => this.#read.get(id));
    for (const id of ids) if (!this.#read.has(id)) this.#wanted.add(id);
    if (app === undefined || task === undefined || own === undefined) return undefined;
    const { grant, rotation, trying } = own.document ?? NO_KEY_DOCUMENT;
    const isUsable = grant !== undefined && grant.expiresAt > this.#parts.clock.now();
    return {
      isRegistered: app.isThere,
      task: task.task,
      value: isUsable ? grant.value : undefined,
      rotation,
      failure: own.unreadable ?? this.#parts.retryStates.counting(key, trying)?.error,
    };
  }

  /** Reads the requested documents that have not been read. Returns whether there were any. */
  async readWanted(): Promise<boolean> {
    const ids = [...this.#wanted];
    this.#wanted.clear();
    if (ids.length === 0) return false;
    const documents = await this.#parts.store.get(ids);
    const reads = await Promise.all(ids.map((id, index) => this.#decoded(id, documents[index])));
    for (const [index, id] of ids.entries()) this.#read.set(id, reads[index] as Read);
    return true;
  }

  async #decoded(id: string, stored: StoredDocument | undefined): Promise<Read> {
    const isThere = stored !== undefined;
    const key = parseKey(id);
    if (key === undefined || !isThere) return { isThere };
    const { store, reader, registry } = this.#parts;
    try {
      if (id.startsWith('key/')) return { document: await reader.read(stored, readKeyDocument), isThere };
      return { task: await reader.read(stored, (found) => unsealTask(key, found, registry.task(key))), isThere };
    } catch (error) {
      if (store.failsToRead || !isTokenError(error)) throw error;
      return { isThere, unreadable: error };
    }
  }
}
