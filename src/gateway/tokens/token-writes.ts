import type { Clock } from '../../core/concurrency/clock.js';
import { boundedCache } from '../../core/primitives/bounded-cache.js';
import type { StoredTokens } from './stored-tokens.js';
import type { RegisteredToken } from './token-index.js';

const MAX_REMEMBERED = 10_000;
/** The time for which a write is trusted. A store that fails over or is restored may lose it afterwards. */
const TRUSTED_MS = 60_000;
const AGAIN_AFTER_MS = 1_000;
const AT_ONCE = 20;

interface Write {
  readonly written: Promise<void>;
  trustedUntil: number;
}

interface Unwritten {
  readonly hash: string;
  readonly token: RegisteredToken;
}

/**
 * Writes tokens into the store, so that other processes recognize them: each of them once, and once more where the store did not
 * take it or may have lost it.
 */
export class TokenWrites {
  readonly #stored: Pick<StoredTokens, 'add'>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The writes that have succeeded or are in progress, by hash, end and registration. */
  readonly #writes = boundedCache<string, Write>(MAX_REMEMBERED);
  /** The tokens that the store did not take. */
  readonly #unwritten = boundedCache<string, Unwritten>(MAX_REMEMBERED);
  #againAt = Number.NEGATIVE_INFINITY;

  constructor(stored: Pick<StoredTokens, 'add'>, clock: Pick<Clock, 'monotonic'>) {
    this.#stored = stored;
    this.#clock = clock;
  }

  /** Writes a token. Resolves also if the store has failed. A token that was written before is checked in the background. */
  write(hash: string, token: RegisteredToken): Promise<void> {
    const { expiresAt, marks } = token;
    const id = [hash, expiresAt, marks?.app, marks?.task].join(' ');
    const before = this.#writes.get(id);
    if (before === undefined) return this.#write(id, { hash, token });
    const now = this.#clock.monotonic();
    if (now >= before.trustedUntil) {
      before.trustedUntil = now + TRUSTED_MS;
      // Without the store, the token goes on to be handed out at once.
      this.#stored.add(hash, token).catch(() => this.#unwritten.set(id, { hash, token }));
    }
    return before.written;
  }

  /** Writes tokens that the store did not take, a few at a time. Nothing waits for that. */
  writeAgain(): void {
    if (this.#unwritten.size === 0) return;
    const now = this.#clock.monotonic();
    if (now < this.#againAt) return;
    this.#againAt = now + AGAIN_AFTER_MS;
    for (const [id, unwritten] of [...this.#unwritten.entries()].slice(0, AT_ONCE)) {
      this.#unwritten.delete(id);
      void this.#write(id, unwritten);
    }
  }

  #write(id: string, unwritten: Unwritten): Promise<void> {
    const written = this.#stored.add(unwritten.hash, unwritten.token).catch(() => {
      this.#writes.delete(id);
      this.#unwritten.set(id, unwritten);
    });
    this.#writes.set(id, { written, trustedUntil: this.#clock.monotonic() + TRUSTED_MS });
    return written;
  }
}
