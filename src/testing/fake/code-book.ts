import type { Clock } from '../../core/concurrency/clock.js';
import { type FakeBook, randomValue } from './issue.js';

/** The reason why a code is refused. */
export type FakeCodeRefusal = 'unknown' | 'used' | 'expired';

interface Code<Owner> {
  readonly owner: Owner;
  endsAt: number;
  used: boolean;
}

/** Records the codes of one kind, each of which works once and for a while. */
export class FakeCodeBook<Owner> implements FakeBook {
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly lifeMs: number;
  readonly #codes = new Map<string, Code<Owner>>();

  constructor(clock: Clock, prefix: string, lifeMs: number) {
    this.#clock = clock;
    this.#prefix = prefix;
    this.lifeMs = lifeMs;
  }

  create(owner: Owner): string {
    const code = randomValue(this.#prefix);
    this.#codes.set(code, { owner, endsAt: this.#clock.now() + this.lifeMs, used: false });
    return code;
  }

  /**
   * Uses a code up, and returns its owner or the reason why it is refused.
   *
   * @param isMeant - returns whether the request is for an owner. A code of another owner counts as unknown, and is not
   *   used up.
   */
  take(value: string, isMeant: (owner: Owner) => boolean): { readonly owner: Owner } | FakeCodeRefusal {
    const code = this.#codes.get(value);
    if (code === undefined || !isMeant(code.owner)) return 'unknown';
    if (code.used) return 'used';
    if (code.endsAt <= this.#clock.now()) return 'expired';
    code.used = true;
    return { owner: code.owner };
  }

  ownerOf(value: string): Owner | undefined {
    return this.#codes.get(value)?.owner;
  }

  /** Returns the instant at which a code expires; `undefined` for a value that is no code. */
  endOf(value: string): number | undefined {
    return this.#codes.get(value)?.endsAt;
  }

  isValid(value: string): boolean {
    const code = this.#codes.get(value);
    return code !== undefined && !code.used && code.endsAt > this.#clock.now();
  }

  expire(value: string): void {
    const code = this.#codes.get(value);
    if (code !== undefined) code.endsAt = this.#clock.now();
  }
}
