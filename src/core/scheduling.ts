import { ClaimedKeys, type ClaimedKeysParts } from './claimed-keys.js';
import type { Clock } from './clock.js';
import { DueTimes } from './due-times.js';
import type { HeldTask, RegisteredTask } from './held-task.js';
import { OwnPace, type PaceLimits } from './pace.js';
import { Schedule } from './schedule.js';
import { SharedPace } from './shared-pace.js';
import { type Claim, SharedSchedule } from './shared-schedule.js';
import type { TaskSchedule } from './task-schedule.js';
import { keyIn, parseKey, type TokenKey } from './token-key.js';

/** How a process learns what is due, and keeps its pace: by itself, or from the store that a fleet shares. */
export interface Scheduling {
  readonly schedule: TaskSchedule<HeldTask>;
  /** Whether what is due stands in the store alone, so that whoever registers a task writes it there. */
  readonly isShared: boolean;
  /** Makes room for a refresh that somebody waits for. */
  owe(appid: string): void;
  /** How many milliseconds a refresh of this app has to wait that nobody waits for; at 0 it may begin. */
  pauseOfApp(appid: string): number;
  /** What held back the attempts for a key has gone. */
  hurry(key: TokenKey): void;
  /** What held back the attempts for an app has gone. */
  hurryApp(appid: string): void;
}

/** A process that does all the work itself, or shares a store that cannot hand it out. */
export function ownScheduling(clock: Clock, limits: PaceLimits, onDue: (task: HeldTask) => Promise<void>): Scheduling {
  const pace = new OwnPace(limits, () => clock.monotonic());
  return {
    schedule: new Schedule(clock, onDue, pace),
    isShared: false,
    owe: (appid) => pace.owe(appid),
    pauseOfApp: (appid) => pace.takeOfApp(appid),
    hurry: () => {},
    hurryApp: () => {},
  };
}

export interface SharedSchedulingParts extends Omit<ClaimedKeysParts, 'dueTimes' | 'pace' | 'source'> {
  readonly source: () => ClaimedKeysParts['source'];
  readonly limits: PaceLimits;
  /** What this process can serve now. */
  readonly lanes: () => readonly string[];
  /** Reads what is to be known of these keys, in one round trip. */
  readonly look: (keys: readonly TokenKey[]) => Promise<void>;
  /** Makes a delivery, and gives the lease back. It never rejects. */
  readonly deliver: (key: TokenKey, claim: Claim) => Promise<void>;
  /** Brings the record of a key up to date with the store. */
  readonly read: (key: TokenKey) => Promise<unknown>;
}

/** Whether the store may hand the task to processes that can do nothing for it, because its params are a function. */
export function isForFew(task: RegisteredTask | undefined): boolean {
  return typeof task?.params === 'function';
}

/** One process of a fleet whose store hands out what is due. */
export function sharedScheduling(parts: SharedSchedulingParts): Scheduling {
  const { store, reader, clock, records, limits, lanes, look, deliver, read } = parts;
  const pace = new SharedPace(store, reader, clock, limits);
  const dueTimes = new DueTimes(store, reader, clock);
  /** One for each claim: a single signal would collect listeners. */
  const underWay = new Set<AbortController>();
  let isStopped = false;
  let claimedKeys: ClaimedKeys | undefined;

  async function take(claim: Claim, looked: Promise<void>): Promise<void> {
    const { lease } = claim;
    claimedKeys ??= new ClaimedKeys({ ...parts, dueTimes, pace, source: parts.source() });
    const key = parseKey(lease.id);
    const delivered = keyIn('delivery', lease.id);
    try {
      // What cannot be read must not hold up what was claimed together with it.
      await looked.catch(() => look([key ?? delivered ?? []].flat()));
    } catch {
      // It keeps its lease until that lapses, so that nobody claims it all the time.
      return;
    }
    if (key !== undefined) await takeKey(claimedKeys, key, claim);
    else if (delivered !== undefined) await deliver(delivered, claim);
    else await store.release(lease);
  }

  async function takeKey(keys: ClaimedKeys, key: TokenKey, claim: Claim): Promise<void> {
    const stopping = new AbortController();
    if (isStopped) stopping.abort();
    underWay.add(stopping);
    await keys.take(key, claim, stopping.signal);
    underWay.delete(stopping);
  }

  function onClaimed(claims: readonly Claim[]): readonly Promise<void>[] {
    const keys = claims.flatMap(({ lease: { id } }) => parseKey(id) ?? keyIn('delivery', id) ?? []);
    const looked = keys.length === 0 ? Promise.resolve() : look(keys);
    return claims.map((claim) => take(claim, looked));
  }

  /** A task for few does not wait until it is handed to one of those: they have it in memory, and know when it is due. */
  async function onDue(task: HeldTask): Promise<void> {
    if (records.cache.get(task.key) === undefined) await read(task.key).catch(() => {});
    await parts.source().onDue(task);
  }

  const schedule = new SharedSchedule({ store, clock, pace, lanes, onClaimed });
  const forFew = new Schedule(clock, onDue, new OwnPace(limits, () => clock.monotonic()));
  return {
    schedule: {
      set(task, at) {
        if (isForFew(task)) return forFew.set(task, at);
        forFew.delete(task);
        schedule.set(task, at);
      },
      delete: (task) => forFew.delete(task),
      start() {
        forFew.start();
        schedule.start();
      },
      check() {
        forFew.check();
        schedule.check();
      },
      stop() {
        isStopped = true;
        for (const stopping of underWay) stopping.abort();
        forFew.stop();
        return schedule.stop();
      },
    },
    isShared: true,
    owe: (appid) => pace.owe(appid),
    pauseOfApp: () => 0,
    hurry: (key) => void dueTimes.hurry(key).catch(() => {}),
    hurryApp: (appid) => void dueTimes.hurryAll(appid).catch(() => {}),
  };
}
