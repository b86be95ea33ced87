import { onAbort } from '../concurrency/abort-listeners.js';
import { boundedCache } from '../primitives/bounded-cache.js';
import type { TokenKey } from './token-key.js';

/** The type and the app that a slot is for. */
export type SlotUser = Pick<TokenKey, 'appid' | 'type'>;

/**
 * Gives a slot back, if that has not been done.
 *
 * @param wasAnswered - whether the work has got an answer; `undefined` where that says nothing of what is asked.
 */
export type GiveBack = (wasAnswered?: boolean) => void;

/** The slots that one app has or waits for, for one type. */
interface AppShare {
  readonly id: string;
  readonly appid: string;
  running: number;
  /** Whether its last work got no answer. */
  isSilent: boolean;
  readonly waiting: Set<(asSilent: boolean) => void>;
}

/** The slots that all apps have or wait for, for one type. */
interface TypeShare {
  running: number;
  /** The number of these that were begun for apps that were silent. */
  runningSilent: number;
  readonly apps: Map<string, AppShare>;
  /** The apps that wait and have none, in the order in which they came, those that wait for more, and the silent ones. */
  readonly first: Set<AppShare>;
  readonly more: Set<AppShare>;
  readonly silent: Set<AppShare>;
}

/**
 * A type has at most so many times as many slots as it leaves free, and an app of it so many times as many as it leaves of that.
 * So there are slots left for the others, the fewer the more of them have some.
 */
const TIMES_WHAT_IS_LEFT = 3;
const MAX_REMEMBERED = 10_000;

/**
 * Lets at most so many works run at once, and divides these slots by type and app, so that one whose work hangs keeps none from
 * the others: with 96 in all, a type has at most 72 and one app of it 67. Where more wait, those come first that have fewest.
 * The apps of a type that got no answer the last time come last, in turn, and have together at most what one app may have:
 * however many they are, they keep no slots from the others.
 */
export class SharedSlots {
  readonly #types = new Map<string, TypeShare>();
  readonly #silent = boundedCache<string, true>(MAX_REMEMBERED);
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  /**
   * Waits for a slot.
   *
   * @throws the signal's reason when that is aborted first.
   */
  async take({ type, appid }: SlotUser, signal?: AbortSignal): Promise<GiveBack> {
    signal?.throwIfAborted();
    const ofType = this.#shareOf(type);
    const app = ofType.apps.get(appid) ?? this.#newShare(type, appid);
    ofType.apps.set(appid, app);
    const mayBegin = app.waiting.size === 0 && this.#roomOf(ofType) > 0 && this.#hasRoom(ofType, app);
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

  /** Returns how many more slots a type may have. */
  #roomOf({ running }: TypeShare): number {
    return this.#free === 0 ? 0 : TIMES_WHAT_IS_LEFT * this.#free - running;
  }

  #hasRoom(ofType: TypeShare, app: AppShare): boolean {
    const running = app.isSilent ? Math.max(app.running, ofType.runningSilent) : app.running;
    return running < TIMES_WHAT_IS_LEFT * this.#roomOf(ofType);
  }

  /** Returns whether what begins counts with the silent ones until its end. */
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

  /** Sees to it that an app stands where it belongs among those that wait. */
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

  /** Begins what waits, as far as there is room for it. */
  #beginNext(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const [ofType, app] = next;
      const [enter] = app.waiting;
      if (enter === undefined) return;
      app.waiting.delete(enter);
      const asSilent = this.#begin(ofType, app);
      // It stands at the end of the silent ones again.
      ofType.silent.delete(app);
      this.#order(ofType, app);
      enter(asSilent);
    }
  }

  /** Returns whose turn it is: of the types that have room the one with the fewest slots, and of its apps likewise. */
  #next(): [TypeShare, AppShare] | undefined {
    if (this.#free === 0) return undefined;
    const waiting = [...this.#types.values()].filter(isWaitedFor);
    for (const ofType of waiting.sort((left, right) => left.running - right.running)) {
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

function isWaitedFor({ first, more, silent }: TypeShare): boolean {
  return first.size + more.size + silent.size > 0;
}

function fewest(apps: ReadonlySet<AppShare>): AppShare | undefined {
  let found: AppShare | undefined;
  for (const app of apps) if (found === undefined || app.running < found.running) found = app;
  return found;
}
