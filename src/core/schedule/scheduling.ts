import type { Clock } from '../concurrency/clock.js';
import { OwnPace, type PaceLimits } from '../concurrency/pace.js';
import type { Place } from '../concurrency/places.js';
import { Schedule } from '../concurrency/schedule.js';
import type { TaskSchedule } from '../concurrency/task-schedule.js';
import type { TokenKey } from '../model/token-key.js';
import type { CachedRecord } from '../records/cached-record.js';
import type { Records } from '../records/records.js';
import type { Claim } from '../refresh/claim.js';
import { type HeldTask, hasParamsFunction } from '../registry/held-task.js';
import type { Storage } from '../store/storage.js';
import { ClaimDesk, type ClaimDeskParts } from './claim-desk.js';
import { DueRepair } from './due-repair.js';
import { DueTimes } from './due-times.js';
import { FunctionTasks } from './function-tasks.js';
import { ScheduleRounds } from './schedule-rounds.js';
import { SharedPace } from './shared-pace.js';
import { SharedSchedule } from './shared-schedule.js';

/**
 * The way in which a process learns what is due, and keeps its pace: by itself, or from the store that a fleet shares.
 */
export interface Scheduling {
  readonly schedule: TaskSchedule<HeldTask>;
  /** Whether what is due stands in the store, so that a registration of a task writes it there. */
  readonly isShared: boolean;
  /** Makes room for a refresh that a caller waits for. */
  owe(appid: string): void;
  /** Returns how many milliseconds a background refresh of this app has to wait; at 0 it may begin. */
  pauseOfApp(appid: string): number;
  /** Gives back what `pauseOfApp` allowed to a refresh that has asked for nothing. */
  giveBackOfApp(appid: string): void;
  /**
   * Corrects what is stored of when these records, and keys that have failed or have no record yet, are due: the clock was set
   * back, so they would be due too late.
   */
  bringForward(records: readonly CachedRecord[]): void;
  /** Makes a key due now: what held back the attempts for it has gone. */
  hurry(key: TokenKey): void;
  /** Makes the keys of an app due now: what held back the attempts for them has gone. */
  hurryApp(appid: string): void;
}

/** Returns the scheduling of a process that does all the work itself, or shares a store that cannot hand it out. */
export function ownScheduling(
  clock: Clock,
  limits: PaceLimits,
  records: Records,
  onDue: (task: HeldTask, place: Place<HeldTask>) => Promise<void>,
): Scheduling {
  const pace = new OwnPace(limits, () => clock.monotonic());
  const groupOf = ({ key }: HeldTask): string => key.appid;
  const isFresh = ({ key }: HeldTask): boolean => {
    const held = records.cache.get(key);
    return held === undefined || records.leftMs(held) <= 0;
  };
  return {
    schedule: new Schedule(clock, onDue, { pace, groupOf, isFresh }),
    isShared: false,
    owe: (appid) => pace.owe(appid),
    pauseOfApp: (appid) => pace.takeOfApp(appid),
    giveBackOfApp: (appid) => pace.giveBackOfApp(appid),
    bringForward: () => {},
    hurry: () => {},
    hurryApp: () => {},
  };
}

export interface SharedSchedulingParts extends Omit<ClaimDeskParts, 'dueTimes' | 'pace'>, Storage {
  readonly limits: PaceLimits;
  /** Returns the lanes that this process can serve now. */
  readonly lanes: () => readonly string[];
  /** Brings the record of a key up to date with the store. */
  readonly read: (key: TokenKey) => Promise<unknown>;
}

/** Returns the scheduling of one process of a fleet whose store hands out what is due. */
export function sharedScheduling(parts: SharedSchedulingParts): Scheduling {
  const { store, reader, clock, registry, records, failures, limits, lanes } = parts;
  const pace = new SharedPace(store, reader, clock, limits);
  const dueTimes = new DueTimes(parts);
  const desk = new ClaimDesk({ ...parts, dueTimes, pace });
  const take = (claims: readonly Claim[]): readonly Promise<void>[] => desk.take(claims);
  const shared = new SharedSchedule({ store, clock, pace, lanes, onClaimed: take });
  const functionTasks = new FunctionTasks({
    ...parts,
    pace,
    take,
    reschedule: (key) => parts.source().reschedule(key),
  });
  const isHandedOut = (lane: string, withinMs: number): boolean => shared.isHandedOut(lane, withinMs);
  const repair = new DueRepair(store, reader, clock, isHandedOut);
  const rounds = new ScheduleRounds(store, reader, clock, repair);
  const schedules = [shared, functionTasks];
  return {
    schedule: {
      set(task, at) {
        shared.set(task, at);
        if (hasParamsFunction(task)) functionTasks.set(task, at);
        else functionTasks.delete(task);
      },
      delete: (task) => functionTasks.delete(task),
      start() {
        for (const schedule of schedules) schedule.start();
        rounds.start();
      },
      check() {
        for (const schedule of schedules) schedule.check();
      },
      async stop() {
        desk.stop();
        await Promise.all([...schedules, rounds].map((one) => one.stop()));
      },
    },
    isShared: true,
    owe: (appid) => pace.owe(appid),
    pauseOfApp: () => 0,
    giveBackOfApp: () => {},
    bringForward(late) {
      // Whether it was the store's clock that was set back, and not that of this process alone, a new sample tells.
      const sampled = clock.sync();
      for (const key of failures.fromTheFuture()) void sampled.then(() => dueTimes.hurry(key)).catch(() => {});
      for (const cached of late) {
        void sampled.then(() => dueTimes.bringForward(cached, records.dueAt(cached))).catch(() => {});
      }
      const unfetched = [...registry.tasks()].filter(({ key }) => records.cache.get(key) === undefined);
      void sampled.then(() => repair.mend(unfetched)).catch(() => {});
    },
    hurry: (key) => void dueTimes.hurry(key).catch(() => {}),
    hurryApp: (appid) => void dueTimes.hurryAll(appid).catch(() => {}),
  };
}
