import { onAbort } from '../concurrency/abort-listeners.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { TokenKey } from './token-key.js';

/** The type and the app that a slot is for. */
export type SlotUser = Pick<TokenKey, 'appid' | 'type'>;

/**
 * A function that releases a slot. Further calls have no effect.
 *
 * @param wasAnswered - whether the work has received an answer; `undefined` if the outcome says nothing about the
 *   server.
 */
export type GiveBack = (wasAnswered?: boolean) => void;

/** The slots that one app holds or waits for, for one type. */
interface AppShare {
  readonly id: string;
  readonly appid: string;
  running: number;
  /** Whether the last work of the app received no answer. */
  isSilent: boolean;
  readonly waiting: Set<(asSilent: boolean) => void>;
}

/** The slots that all apps hold or wait for, for one type. */
interface TypeShare {
  running: number;
  /** The number of these slots that were acquired for silent apps, whose last work received no answer. */
  runningSilent: number;
  readonly apps: Map<string, AppShare>;
  /**
   * The apps that wait: those that hold no slot, those that hold some and wait for more, and the silent ones, each in
   * order.
   */
  readonly first: Set<AppShare>;
  readonly more: Set<AppShare>;
  readonly silent: Set<AppShare>;
}

/**
 * The maximum ratio of the slots that a type holds to those that it leaves free, and of the slots that an app of it
 * holds to those that it leaves of the type's share. So some slots always remain for others, and fewer the more of the
 * others hold some.
 */
const TIMES_WHAT_IS_LEFT = 3;
const MAX_REMEMBERED = 10_000;

/**
 * Bounds how much work is in progress at once, and divides the slots by type and app, so that work that hangs does not
 * block other types and apps: of 96 slots, a type holds at most 72 and one app of it at most 67. Among those that wait,
 * the ones with the fewest slots come first. Silent apps, which received no answer the last time, come last and take
 * turns. Together they may hold as many slots as a single app, so that even a large number of them does not block
 * others.
 */
export class SharedSlots {
  readonly #types = new Map<string, TypeShare>();
  readonly #silent = boundedCache<string, true>(MAX_REMEMBERED);
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  /**
   * Acquires a slot, and waits until there is one for this type and app.
   *
   * @throws the signal's reason if the signal is aborted first.
   */
  async take({ type, appid }: SlotUser, signal?: AbortSignal): Promise<GiveBack> {
    signal?.throwIfAborted();
    const ofType = this.#shareOf(type);
    const app = ofType.apps.get(appid) ?? this.#newShare(type, appid);
    ofType.apps.set(appid, app);
    const mayBegin = app.waiting.size === 0 && this.#hasRoom(ofType, app);
    const asSilent = mayBegin ? this.#begin(ofType, app) : await this.#wait(type, ofType, app, signal);
    let isHeld = true;
    return (wasAnswered) => {
      if (!isHeld) return;
      isHeld = false;
      this.#free += 1;
      ofType.running -= 1;
      if (asSilent) ofType.runningSilent -= 1;
      app.running -= 1;
      if (wasAnswered !== undefined) this.#note(app, !wasAnswered);
      this.#forgetUnused(type, ofType, app);
      this.#beginNext();
    };
  }

  #shareOf(type: string): TypeShare {
    const share = this.#types.get(type) ?? {
      running: 0,
      runningSilent: 0,
      apps: new Map(),
      first: new Set(),
      more: new Set(),
      silent: new Set(),
    };
    this.#types.set(type, share);
    return share;
  }

  #newShare(type: string, appid: string): AppShare {
    const id = `${type}/${appid}`;
    return { id, appid, running: 0, isSilent: this.#silent.has(id), waiting: new Set() };
  }

  #note(app: AppShare, isSilent: boolean): void {
    app.isSilent = isSilent;
    if (isSilent) this.#silent.set(app.id, true);
    else if (this.#silent.size > 0) this.#silent.delete(app.id);
  }

  /** Returns the number of further slots that a type may acquire, which is not positive if it may acquire none. */
  #roomOf({ running }: TypeShare): number {
    return TIMES_WHAT_IS_LEFT * this.#free - running;
  }

  #hasRoom(ofType: TypeShare, app: AppShare): boolean {
    const running = app.isSilent ? Math.max(app.running, ofType.runningSilent) : app.running;
    return running < TIMES_WHAT_IS_LEFT * this.#roomOf(ofType);
  }

  /** Begins work in a slot, and returns whether the work counts as that of a silent app until it ends. */
  #begin(ofType: TypeShare, app: AppShare): boolean {
    this.#free -= 1;
    ofType.running += 1;
    if (app.isSilent) ofType.runningSilent += 1;
    app.running += 1;
    return app.isSilent;
  }

  #wait(type: string, ofType: TypeShare, app: AppShare, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const enter = (asSilent: boolean): void => {
        endListening?.();
        resolve(asSilent);
      };
      const leave = (): void => {
        app.waiting.delete(enter);
        this.#order(ofType, app);
        this.#forgetUnused(type, ofType, app);
        reject(signal?.reason);
      };
      const endListening = signal === undefined ? undefined : onAbort(signal, leave);
      app.waiting.add(enter);
      this.#order(ofType, app);
    });
  }

  /** Moves an app to the list of waiting apps in which it belongs. */
  #order({ first, more, silent }: TypeShare, app: AppShare): void {
    const place = app.waiting.size === 0 ? undefined : app.isSilent ? silent : app.running === 0 ? first : more;
    for (const other of [first, more, silent]) if (other !== place) other.delete(app);
    place?.add(app);
  }

  #forgetUnused(type: string, ofType: TypeShare, app: AppShare): void {
    this.#order(ofType, app);
    if (app.running === 0 && app.waiting.size === 0) ofType.apps.delete(app.appid);
    if (ofType.apps.size === 0) this.#types.delete(type);
  }

  /** Begins waiting work as far as there are slots for it. */
  #beginNext(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [ofType, app] = next;
      const [enter] = app.waiting;
      if (enter === undefined) return;
      app.waiting.delete(enter);
      const asSilent = this.#begin(ofType, app);
      // The app moves to the end of the silent ones, which take turns.
      ofType.silent.delete(app);
      this.#order(ofType, app);
      enter(asSilent);
    }
  }

  /**
   * Returns the type and the app that get the next slot: the type with the fewest slots among those that may have more,
   * and among its apps likewise.
   */
  #next(): [TypeShare, AppShare] | undefined {
    const byRunning = [...this.#types.values()].sort((left, right) => left.running - right.running);
    for (const ofType of byRunning) {
      if (this.#roomOf(ofType) <= 0) return undefined;
      const [first] = ofType.first;
      const [silent] = ofType.silent;
      const app = [first, fewest(ofType.more), silent].find(
        (next) => next !== undefined && this.#hasRoom(ofType, next),
      );
      if (app !== undefined) return [ofType, app];
    }
    return undefined;
  }
}

function fewest(apps: ReadonlySet<AppShare>): AppShare | undefined {
  let found: AppShare | undefined;
  for (const app of apps) if (found === undefined || app.running < found.running) found = app;
  return found;
}
