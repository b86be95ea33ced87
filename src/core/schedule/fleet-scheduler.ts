import type { RefreshRates } from '../concurrency/rate-limit.js';
import { DELIVERY_LANE, type TokenKey } from '../model/token-key.js';
import { noop } from '../primitives/noop.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { RecordReader } from '../records/record-reader.js';
import type { CallbackRelay } from '../refresh/callback-relay.js';
import type { RegistrationLoader } from '../refresh/registration-loader.js';
import type { DueHandler, Scheduler } from '../refresh/scheduler.js';
import type { State } from '../refresh/state.js';
import { hasParamsFunction, type TaskEntry } from '../registry/task-entry.js';
import type { Storage } from '../store/storage.js';
import { ClaimDispatcher } from './claim-dispatcher.js';
import { ClaimLoop } from './claim-loop.js';
import { ClaimedKeys } from './claimed-keys.js';
import { DueRepair } from './due-repair.js';
import { FleetRateLimit } from './fleet-rate-limit.js';
import { FunctionTasks } from './function-tasks.js';
import { HurriedDues } from './hurried-dues.js';
import { ScheduleRounds } from './schedule-rounds.js';
import { StoredDues } from './stored-dues.js';
import { UnreadableClaims } from './unreadable-claims.js';

export interface FleetSchedulerParts extends Storage, Pick<State, 'registry' | 'records' | 'retryStates'> {
  readonly rates: RefreshRates;
  /** The types that this process can refresh. */
  readonly types: readonly string[];
  readonly callbacks: CallbackRelay;
  readonly registrationLoader: RegistrationLoader;
  readonly recordReader: RecordReader;
}

/** Schedules refreshes in a process of a fleet, whose store assigns due keys to processes. */
export class FleetScheduler implements Scheduler {
  readonly isShared = true;
  readonly #parts: FleetSchedulerParts;
  readonly #rateLimit: FleetRateLimit;
  readonly #storedDues: StoredDues;
  readonly #dispatcher: ClaimDispatcher;
  readonly #unreadable: UnreadableClaims;
  readonly #claimLoop: ClaimLoop;
  readonly #functionTasks: FunctionTasks;
  readonly #hurried: HurriedDues;
  readonly #repair: DueRepair;
  readonly #rounds: ScheduleRounds;

  constructor(parts: FleetSchedulerParts) {
    const { store, reader, clock, rates, types, callbacks } = parts;
    this.#parts = parts;
    this.#rateLimit = new FleetRateLimit(store, reader, clock, rates);
    this.#storedDues = new StoredDues(parts);
    this.#hurried = new HurriedDues(this.#storedDues, clock);
    const unreadable = new UnreadableClaims(store, clock);
    this.#unreadable = unreadable;
    const ofKeys = { rateLimit: this.#rateLimit, storedDues: this.#storedDues, unreadable };
    this.#dispatcher = new ClaimDispatcher({ ...parts, unreadable }, new ClaimedKeys({ ...parts, ...ofKeys }));
    const served = { rateLimit: this.#rateLimit, dispatcher: this.#dispatcher };
    // Only a process with callbacks attached can make deliveries.
    const lanes = (): readonly string[] => (callbacks.attached === undefined ? types : [...types, DELIVERY_LANE]);
    this.#claimLoop = new ClaimLoop({ store, clock, lanes, ...served });
    this.#functionTasks = new FunctionTasks({ ...parts, ...served });
    this.#repair = new DueRepair(store, reader, clock, this.#claimLoop);
    this.#rounds = new ScheduleRounds(store, reader, clock, this.#repair);
  }

  set(task: TaskEntry, at: number): void {
    this.#claimLoop.set(at);
    if (hasParamsFunction(task)) this.#functionTasks.set(task, at);
    else this.#functionTasks.delete(task);
  }

  delete(task: TaskEntry): void {
    this.#functionTasks.delete(task);
  }

  start(handler: DueHandler): void {
    this.#dispatcher.start(handler);
    this.#claimLoop.start();
    this.#functionTasks.start(handler);
    this.#rounds.start();
  }

  async stop(): Promise<void> {
    this.#dispatcher.stop();
    await Promise.all([this.#claimLoop, this.#functionTasks, this.#rounds, this.#hurried].map((one) => one.stop()));
    // No further claim is in progress, so that none adds to these.
    await this.#unreadable.stop();
  }

  check(): void {
    this.#claimLoop.check();
    this.#functionTasks.check();
  }

  charge(appid: string): void {
    this.#rateLimit.charge(appid);
  }

  /** Returns 0, since a claimed key has its permit already. */
  reserveForApp(): number {
    return 0;
  }

  /** Does nothing, since `reserveForApp` uses no permit. */
  refundApp(): void {}

  bringForward(late: readonly CachedRecord[]): void {
    const { clock, registry, records, retryStates } = this.#parts;
    // A new sample shows whether the store's clock was set back, or only the clock of this process.
    const sampled = clock.sync();
    const correct = (work: () => Promise<unknown>): void => void sampled.then(work).catch(noop);
    for (const key of retryStates.fromTheFuture()) correct(() => this.#storedDues.makeDueNow(key));
    for (const cached of late) correct(() => this.#storedDues.bringForward(cached, records.dueAt(cached)));
    const unfetched = [...registry.tasks()].filter(({ key }) => records.cache.get(key) === undefined);
    correct(() => this.#repair.mend(unfetched));
  }

  makeDueNow(key: TokenKey): void {
    this.#hurried.hurry(key);
  }

  makeAppDueNow(appid: string): void {
    this.#hurried.hurryApp(appid);
  }
}
