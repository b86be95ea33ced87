import type { Clock } from '../concurrency/clock.js';
import { KeyedMutex } from '../concurrency/keyed-mutex.js';
import { COMMAND_TIMEOUT_MS, LEASE_MS } from '../concurrency/time-limits.js';
import type { Closing } from '../model/closing.js';
import type { Registration, TaskRegistration } from '../model/registration.js';
import { assertAppid, keyId, parseKey, type TokenKey } from '../model/token-key.js';
import type { SupervisedStore } from '../store/supervised-store.js';
import { acquireLease } from './registration-lease.js';

/** An app with the complete list of its tasks; without `tasks`, the existing ones remain. */
export interface AppRegistration extends Registration {
  readonly tasks?: readonly TaskRegistration[];
}

/** The part of a manager that validates and writes registrations. */
export interface Registering {
  register(registration: Registration): Promise<void>;
}

/** The parts of a manager that replacements work with. */
export interface ReplacementParts {
  readonly store: SupervisedStore;
  readonly clock: Clock;
  readonly closing: Closing;
  start(): Promise<void>;
  unregisterTask(key: TokenKey, isStillWanted: () => boolean): Promise<void>;
}

/** The time after asking for its lease in which a replacement may begin to unregister a task, which must end before the lease. */
const HELD_MS = LEASE_MS - 3 * COMMAND_TIMEOUT_MS;

/**
 * Runs registrations that also unregister all tasks that they do not name, except those of authorizers. Those of one app
 * run one after another in the whole fleet, because two at once would unregister each other's tasks. If one does not end
 * within its lease, it fails and leaves the remaining tasks; repeating the request unregisters them.
 */
export class TaskReplacements {
  readonly #manager: Registering;
  readonly #parts: ReplacementParts;
  readonly #turns = new KeyedMutex();

  constructor(manager: Registering, parts: ReplacementParts) {
    this.#manager = manager;
    this.#parts = parts;
  }

  /** Replaces the tasks of an app; without `tasks`, the existing ones remain. */
  async replace(registration: AppRegistration): Promise<void> {
    const { appid, tasks } = registration;
    if (tasks === undefined) return this.#manager.register(registration);
    assertAppid(appid);
    await this.#turns.run(appid, () =>
      this.#underLease(appid, async (isHeld) => {
        await this.#manager.register(registration);
        const named = new Set(tasks.map((task) => keyId({ ...task, appid })));
        const others = (await this.#registered(appid)).filter((key) => !named.has(keyId(key)));
        const authorizers = await this.#authorizersIn(others);
        for (const key of others) {
          if (!authorizers.has(key.subject)) await this.#parts.unregisterTask(key, isHeld);
        }
      }),
    );
  }

  /** Returns the tasks of an app from the store, because this process may not know all of them. */
  async #registered(appid: string): Promise<TokenKey[]> {
    const keys: TokenKey[] = [];
    for await (const { id } of this.#parts.store.list(`task/${appid}`)) {
      const key = parseKey(id);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }

  /**
   * Returns those subjects of these tasks of an app that have authorized it, or are about to. Their tasks come from WeChat's
   * pushes, and no registration names them: with the tasks their refresh tokens would be lost, and the merchants would have to
   * authorize the platform again.
   */
  async #authorizersIn(keys: readonly TokenKey[]): Promise<ReadonlySet<string | undefined>> {
    const found = new Set<string | undefined>();
    const [appid] = keys.flatMap((key) => (key.subject === undefined ? [] : [key.appid]));
    if (appid === undefined) return found;
    // The document of what is owed is read first, because an authorization may follow from it meanwhile.
    for (const kind of ['owed', 'authorization']) {
      for await (const { id, data } of this.#parts.store.list(`${kind}/${appid}`)) {
        if (data['state'] !== 'unauthorized') found.add(id.split('/')[2]);
      }
    }
    return found;
  }

  async #underLease(appid: string, work: (isHeld: () => boolean) => Promise<void>): Promise<void> {
    const { store, clock } = this.#parts;
    await this.#parts.start();
    const id = `app/${appid}/~replacing`;
    const { lease, askedAtMonotonic } = await acquireLease(this.#parts, id, `the tasks of ${appid}`, appid);
    try {
      await work(() => clock.monotonic() - askedAtMonotonic < HELD_MS);
    } finally {
      await store.release(lease);
    }
  }
}
