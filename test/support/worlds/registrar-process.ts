import { randomUUID } from 'node:crypto';
import { type Clock, wait } from '../../../src/core/concurrency/clock.js';
import { Closing } from '../../../src/core/model/closing.js';
import { planRegistration } from '../../../src/core/model/registration.js';
import { Registrar } from '../../../src/core/registry/registrar.js';
import { Registry } from '../../../src/core/registry/registry.js';
import { DocumentReader } from '../../../src/core/store/document-reader.js';
import { SupervisedStore } from '../../../src/core/store/supervised-store.js';
import type { TokenStore } from '../../../src/index.js';
import type { FakeClock } from '../../../src/testing/index.js';
import { FaultyStore } from '../stores/shared-store.js';

export interface RegistrarProcessOptions {
  /** The duration of each write. */
  readonly writeMs?: number;
  readonly isShared?: boolean;
}

/** Runs the registrations of one process, on a store that others share. */
export class RegistrarProcess {
  readonly store: FaultyStore;
  readonly registry: Registry;
  readonly registrar: Registrar;
  readonly closing = new Closing();
  /** The notifications that the registry got, a word and an id each. */
  readonly told: string[] = [];
  readonly hurried: string[] = [];
  #isDead = false;

  constructor(store: TokenStore, clock: Clock, { writeMs = 0, isShared = false }: RegistrarProcessOptions = {}) {
    this.store = new FaultyStore(store);
    const before = async (method: string): Promise<void> => {
      if (writeMs > 0 && (method === 'set' || method === 'delete')) await wait(clock, writeMs);
      if (this.#isDead) await new Promise(() => {});
    };
    this.store.before = before;
    const supervised = new SupervisedStore(this.store, clock, { unavailable() {}, available() {} });
    const reader = new DocumentReader(supervised, () => {});
    this.registry = new Registry(supervised, reader);
    this.registry.listen({
      taskAdded: ({ key }) => void this.told.push(`added ${key.subject}`),
      taskReplaced: ({ key }) => void this.told.push(`replaced ${key.subject}`),
      taskRemoved: ({ key }) => void this.told.push(`removed ${key.subject}`),
      appForgotten: (appid) => void this.told.push(`forgot ${appid}`),
      enrolledAnew: (appid) => void this.told.push(`forgot ${appid}`),
      appReplaced: (appid) => void this.told.push(`changed ${appid}`),
    });
    const hurryApp = (appid: string): void => void this.hurried.push(appid);
    this.registrar = new Registrar({
      store: supervised,
      reader,
      registry: this.registry,
      clock,
      closing: this.closing,
      isShared,
      hurryApp,
      newId: randomUUID,
    });
  }

  register(input: object): Promise<void> {
    return this.registrar.register(planRegistration(input, () => {}));
  }

  /** Leaves all later commands without an answer, as those of a process that was killed. */
  die(): void {
    this.#isDead = true;
  }
}

/** Moves the clock until a promise has settled. */
export async function driven<Result>(clock: FakeClock, promise: Promise<Result>, stepMs = 50): Promise<Result> {
  let isSettled = false;
  const end = (): void => {
    isSettled = true;
  };
  promise.then(end, end);
  while (!isSettled) await clock.advance(stepMs);
  return promise;
}
