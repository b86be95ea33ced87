import type { Clock } from '../concurrency/clock.js';
import { isSameMark, markFrom, marksFrom } from '../model/enrolment.js';
import type { StoredDocument } from '../model/store.js';
import { appDocumentId, documentId, parseKey, type TokenKey } from '../model/token-key.js';
import { allOf } from '../primitives/all-of.js';
import type { JsonObject } from '../primitives/json.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { contended } from '../store/write-errors.js';
import { LeaseTimeUp, type RegistrationLease, type RegistrationLeases } from './registration-lease.js';
import type { RegistrationWriter } from './registration-writer.js';
import { RemovalMark } from './removal-mark.js';

type Found = Pick<StoredDocument, 'id' | 'version'>;

/** The number of documents that every healthy store deletes within one lease. */
const MAX_AT_ONCE = 1_000;
const DELETED_TOGETHER = 500;
const MAX_ROUNDS = 10;
/** The progress of a removal under its first lease. */
interface Reached {
  readonly done: 'all' | 'registration' | 'nothing';
  /** The app as it was at the call; `undefined` if it was absent or has been deleted. */
  readonly app: StoredDocument | undefined;
}

/** The kinds of documents that are stored for a task, in the order in which they are deleted. */
const TASK_KINDS = ['task', 'key', 'delivery'] as const;
/** The kinds of documents besides the app and its tasks that are stored for an app, in the order in which they are deleted. */
const RECORD_KINDS = ['key', 'delivery', 'owed', 'authorization', 'codes', 'check', 'recovery'] as const;
/** All of them. */
const APP_KINDS = ['task', ...RECORD_KINDS] as const;

/** An app or a task that is being unregistered. */
export interface Unregistering {
  /** Handles the stored documents of an app and its tasks before they are deleted. */
  found(documents: readonly { readonly id: string; readonly data: JsonObject }[]): void;
  /** Handles the end of the removal, when everything is deleted. */
  done(): void;
}

/** Deletes registrations and the documents of their keys. */
export class RegistrationRemoval {
  readonly #store: SupervisedStore;
  readonly #writer: RegistrationWriter;
  readonly #leases: RegistrationLeases;
  readonly #mark: RemovalMark;
  readonly #unregistering: (id: string) => Promise<Unregistering>;

  /** @param unregistering - called under the lease before the documents of an app or a task are deleted. */
  constructor(
    store: SupervisedStore,
    writer: RegistrationWriter,
    leases: RegistrationLeases,
    clock: Clock,
    unregistering: (id: string) => Promise<Unregistering>,
  ) {
    this.#unregistering = unregistering;
    this.#store = store;
    this.#writer = writer;
    this.#leases = leases;
    this.#mark = new RemovalMark(store, clock);
  }

  /**
   * Deletes a task and the documents of its key.
   *
   * @param isStillWanted - asked under the lease; if it returns `false`, the call fails.
   */
  async removeTask(key: TokenKey, isStillWanted: () => boolean): Promise<void> {
    await this.#leases.hold(key.appid, async (lease) => {
      if (!isStillWanted()) throw new LeaseTimeUp(key.appid);
      const unregistering = await this.#unregistering(documentId('task', key));
      await this.#deleteTask(key, lease);
      unregistering.done();
    });
  }

  /**
   * Deletes an app with its tasks and the documents of its keys: under one lease if the time suffices.
   *
   * @returns whether the app is gone and has not been registered anew meanwhile.
   * @throws LeaseTimeUp if the first lease had ended before the app was deleted, as after a process was frozen: since
   *   then others may have been notified that the app is registered.
   */
  async removeApp(appid: string): Promise<boolean> {
    const { unregistering, app, done } = await this.#leases.hold(appid, async (lease) => {
      const begun = await this.#unregistering(appDocumentId(appid));
      return { unregistering: begun, ...(await this.#removeAtOnce(appid, lease, begun)) };
    });
    const isGone = done === 'all' || (await this.#removeInSteps(appid, app, unregistering));
    unregistering.done();
    return isGone;
  }

  /**
   * Deletes those of these apps and tasks whose enrolment has ended, with the documents of their keys. Documents of the
   * same keys that a later enrolment has written stay.
   *
   * @param hasEnded - called under the lease for each stored app or task with the mark of its enrolment.
   */
  async removeEnded(
    appid: string,
    ids: readonly string[],
    hasEnded: (mark: string, id: string) => boolean | Promise<boolean>,
  ): Promise<void> {
    await this.#leases.hold(appid, async (lease) => {
      const stored = await this.#read(ids);
      await allOf(
        stored.map(async ({ id, data, version }) => {
          const mark = markFrom(data);
          if (mark === undefined || !(await hasEnded(mark, id))) return;
          // The registration is deleted last: if this fails, it remains and shows that the keys are still to be
          // deleted.
          await this.#deleteKeysOf(id, mark, lease);
          lease.assertHeld();
          // A refresh in progress may have written a document since, as it still found its registration.
          if (await this.#store.delete(id, version)) await this.#deleteKeysOf(id, mark, lease);
        }),
      );
    });
  }

  /** Deletes the documents of an app's or a task's keys that belong to the enrolment with this mark. */
  async #deleteKeysOf(id: string, mark: string, lease: RegistrationLease): Promise<void> {
    const key = parseKey(id);
    const stored = key === undefined ? await this.#keysOf(lease.appid) : await this.#read([documentId('key', key)]);
    const ended = stored.filter(({ data }) => marksFrom(data)?.[key === undefined ? 'app' : 'task'] === mark);
    await this.#writer.deleteAll(ended, false, lease);
  }

  async #keysOf(appid: string): Promise<StoredDocument[]> {
    const found: StoredDocument[] = [];
    for await (const document of this.#store.list(`key/${appid}`)) found.push(document);
    return found;
  }

  async #deleteTask(key: TokenKey, lease: RegistrationLease): Promise<void> {
    for (const kind of TASK_KINDS) {
      await this.#writer.deleteOne(documentId(kind, key), lease);
    }
  }

  async #read(ids: readonly string[]): Promise<StoredDocument[]> {
    return (await this.#store.get(ids)).filter((document) => document !== undefined);
  }

  /**
   * Deletes as much as the lease permits: the tasks, the app, and the results of refreshes last, since a refresh in
   * progress checks for its app after its write. From the first deletion on, the removal mark warns other processes not
   * to depend on existing documents, because a frozen process may send a deletion after its lease.
   *
   * @returns the progress, with the app as it was at the call if it has not been deleted.
   */
  async #removeAtOnce(appid: string, lease: RegistrationLease, unregistering: Unregistering): Promise<Reached> {
    let app: StoredDocument | undefined;
    let done: Reached['done'] = 'nothing';
    try {
      const [tasks, [found]] = await Promise.all([
        this.#list(`task/${appid}`, lease),
        this.#read([appDocumentId(appid)]),
      ]);
      app = found;
      const registered = [...(app === undefined ? [] : [app]), ...(tasks ?? [])];
      unregistering.found(registered);
      const mark = registered.length > 0 ? await this.#mark.set(lease) : undefined;
      if (tasks !== undefined) {
        await this.#writer.deleteAll(tasks, true, lease);
        if (app !== undefined) await this.#deleteApp(app, lease);
        done = 'registration';
        if (await this.#deleteRecords(appid, lease)) {
          await this.#mark.clear(lease, mark);
          return { done: 'all', app: undefined };
        }
      }
    } catch (error) {
      if (!(error instanceof LeaseTimeUp)) throw error;
    }
    if (done === 'registration') return { done, app: undefined };
    lease.assertNotEnded();
    return { done, app };
  }

  /** Deletes the documents of an app's keys. Returns whether all were deleted; there may be too many for one lease. */
  async #deleteRecords(appid: string, lease: RegistrationLease): Promise<boolean> {
    for (const kind of RECORD_KINDS) {
      const found = await this.#list(`${kind}/${appid}`, lease);
      if (found === undefined) return false;
      await this.#writer.deleteAll(found, true, lease);
    }
    return true;
  }

  /**
   * Deletes the app first, and then the documents that existed at the call, one lease at a time. The app may be
   * registered anew in between: documents that the new registration has written or depends on stay.
   *
   * @param app - the app as it was at the call; `undefined` if it was absent or has been deleted. If the app exists
   *   when the documents have been listed, they may belong to the new registration.
   */
  async #removeInSteps(appid: string, app: StoredDocument | undefined, unregistering: Unregistering): Promise<boolean> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = await this.#listAll(appid, unregistering);
      let isGone = await this.#leases.hold(appid, async (lease) => {
        await this.#mark.set(lease);
        if (round === 0 && app !== undefined) await this.#deleteApp(app, lease);
        return this.#isGone(appid);
      });
      if (found.length > 0 && isGone) {
        const outcome = await this.#deleteInSteps(appid, found);
        if (outcome === 'all gone') return true;
        // Documents that were added between the listing and the deletion of the app are listed in the next round.
        if (outcome === 'app gone') continue;
        isGone = false;
      }
      await this.#leases.hold(appid, (lease) => this.#mark.clear(lease));
      return isGone;
    }
    throw contended(`the registration of ${appid}`, { appid });
  }

  /**
   * Deletes the listed documents. Under its last lease it checks whether anything is left and ends the removal if not,
   * so that a closing which begins meanwhile finds nothing half done.
   *
   * @returns whether the app is still gone, so that documents added after the listing have to be deleted as well.
   */
  async #deleteInSteps(appid: string, found: readonly Found[]): Promise<'all gone' | 'app gone' | 'registered anew'> {
    let outcome: 'all gone' | 'app gone' | 'registered anew' = 'app gone';
    for (let first = 0; first < found.length; ) {
      await this.#leases.pause();
      first = await this.#leases.hold(appid, async (lease) => {
        await this.#mark.set(lease);
        outcome = (await this.#isGone(appid)) ? 'app gone' : 'registered anew';
        let next = first;
        try {
          for (; next < found.length && lease.hasTime; next += DELETED_TOGETHER) {
            const isGone = outcome === 'app gone';
            await this.#writer.deleteAll(found.slice(next, next + DELETED_TOGETHER), isGone, lease);
          }
        } catch (error) {
          // The rest of this batch is deleted under the next lease.
          if (!(error instanceof LeaseTimeUp)) throw error;
          return next;
        }
        if (next >= found.length && outcome === 'app gone' && (await this.#isNothingLeft(appid, lease))) {
          await this.#mark.clear(lease);
          outcome = 'all gone';
        }
        return next;
      });
    }
    return outcome;
  }

  /** Deletes the app with changes that were made to it meanwhile, but not an app that was registered anew. */
  async #deleteApp({ id, data, version }: StoredDocument, lease: RegistrationLease): Promise<void> {
    let expected = version;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      lease.assertHeld();
      if (await this.#store.delete(id, expected)) return;
      const [now] = await this.#read([id]);
      if (now === undefined || !isSameMark(markFrom(now.data), markFrom(data))) return;
      expected = now.version;
    }
    throw contended(`the registration of ${lease.appid}`, { appid: lease.appid });
  }

  async #isNothingLeft(appid: string, lease: RegistrationLease): Promise<boolean> {
    for (const kind of APP_KINDS) {
      const left = await this.#list(`${kind}/${appid}`, lease);
      if (left === undefined || left.length > 0) return false;
    }
    return true;
  }

  async #isGone(appid: string): Promise<boolean> {
    const [app] = await this.#store.get([appDocumentId(appid)]);
    return app === undefined;
  }

  /** Lists documents; returns `undefined` if there are more than can be deleted under the lease. */
  async #list(prefix: string, lease: RegistrationLease): Promise<StoredDocument[] | undefined> {
    const found: StoredDocument[] = [];
    for await (const document of this.#store.list(prefix)) {
      if (found.length === MAX_AT_ONCE || !lease.hasTime) return undefined;
      found.push(document);
    }
    return found;
  }

  async #listAll(appid: string, unregistering: Unregistering): Promise<Found[]> {
    const found: Found[] = [];
    for (const kind of APP_KINDS) {
      for await (const { id, version, data } of this.#store.list(`${kind}/${appid}`)) {
        found.push({ id, version });
        if (kind === 'task') unregistering.found([{ id, data }]);
      }
    }
    return found;
  }
}
