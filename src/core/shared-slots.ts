import { onAbort } from './abort-listeners.js';
import type { TokenKey } from './token-key.js';

/** For whom a slot is: its type and its app. */
export type SlotUser = Pick<TokenKey, 'appid' | 'type'>;

/** The slots that one app has or waits for, for one type. */
interface AppShare {
  readonly appid: string;
  running: number;
  readonly waiting: Set<() => void>;
}

/** The slots that all apps have or wait for, for one type. */
interface TypeShare {
  running: number;
  readonly apps: Map<string, AppShare>;
  /** The apps that wait and have none, in the order in which they came, and those that wait for more. */
  readonly first: Set<AppShare>;
  readonly more: Set<AppShare>;
}

/**
 * A type has at most so many times as many slots as it leaves free, and an app of it so many times as many as it leaves of that.
 * So there are slots left for the others, the fewer the more of them have some.
 */
const TIMES_WHAT_IS_LEFT = 3;

/**
 * Lets at most so many works run at once, and divides these slots by type and app, so that one whose work hangs keeps none from
 * the others: with 96 in all, a type has at most 72 and one app of it 67. Where more wait, those come first that have fewest.
 */
export class SharedSlots {
  readonly #types = new Map<string, TypeShare>();
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  /**
   * Waits for a slot.
   *
   * @returns a function that gives the slot back; to be called once.
   * @throws the signal's reason when that is aborted first.
   */
  async take({ type, appid }: SlotUser, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const ofType = this.#shareOf(type);
    const app = ofType.apps.get(appid) ?? { appid, running: 0, waiting: new Set() };
    ofType.apps.set(appid, app);
    if (app.waiting.size === 0 && this.#roomOf(ofType) > 0 && this.#hasRoom(ofType, app)) this.#begin(ofType, app);
    else await this.#wait(type, ofType, app, signal);
    return () => {
      this.#free += 1;
      ofType.running -= 1;
      app.running -= 1;
      this.#forgetUnused(type, ofType, app);
      this.#beginNext();
    };
  }

  #shareOf(type: string): TypeShare {
    const share = this.#types.get(type) ?? { running: 0, apps: new Map(), first: new Set(), more: new Set() };
    this.#types.set(type, share);
    return share;
  }

  /** Returns how many more slots a type may have. */
  #roomOf({ running }: TypeShare): number {
    return this.#free === 0 ? 0 : TIMES_WHAT_IS_LEFT * this.#free - running;
  }

  #hasRoom(ofType: TypeShare, app: AppShare): boolean {
    return app.running < TIMES_WHAT_IS_LEFT * this.#roomOf(ofType);
  }

  #begin(ofType: TypeShare, app: AppShare): void {
    this.#free -= 1;
    ofType.running += 1;
    app.running += 1;
  }

  #wait(type: string, ofType: TypeShare, app: AppShare, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        endListening?.();
        resolve();
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
  #order({ first, more }: TypeShare, app: AppShare): void {
    const [place, other] = app.running === 0 ? [first, more] : [more, first];
    other.delete(app);
    if (app.waiting.size > 0) place.add(app);
    else place.delete(app);
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
      const [enter] = app.waiting as Set<() => void>;
      app.waiting.delete(enter as () => void);
      this.#begin(ofType, app);
      this.#order(ofType, app);
      enter?.();
    }
  }

  /** Returns whose turn it is: of the types that have room the one with the fewest slots, and of its apps likewise. */
  #next(): [TypeShare, AppShare] | undefined {
    if (this.#free === 0) return undefined;
    const waiting = [...this.#types.values()].filter(({ first, more }) => first.size + more.size > 0);
    for (const ofType of waiting.sort((left, right) => left.running - right.running)) {
      if (this.#roomOf(ofType) <= 0) return undefined;
      const [first] = ofType.first;
      const app = first ?? fewest(ofType.more);
      if (app !== undefined && this.#hasRoom(ofType, app)) return [ofType, app];
    }
    return undefined;
  }
}

function fewest(apps: ReadonlySet<AppShare>): AppShare | undefined {
  let found: AppShare | undefined;
  for (const app of apps) if (found === undefined || app.running < found.running) found = app;
  return found;
}
