import { onAbort } from '../../core/concurrency/abort-listeners.js';
import type { Clock, ClockTimer } from '../../core/concurrency/clock.js';
import { isTokenError, TokenError } from '../../core/model/errors.js';
import { noop } from '../../core/primitives/noop.js';
import type { AuthorizerRecovery, RecoverAuthorizersOptions } from '../authorizers/recover-authorizers.js';
import type { Recovery, RecoveryDocuments, RecoveryFailure } from './recovery-documents.js';

export interface RecoveryRunParts {
  readonly component: string;
  readonly documents: RecoveryDocuments;
  readonly clock: Clock;
  readonly closing: AbortSignal;
  recover(options: RecoverAuthorizersOptions): Promise<AuthorizerRecovery>;
}

const BEAT_EVERY_MS = 2_000;

/** Makes one recovery, and writes every two seconds how far it is, which also shows that its process is alive. */
export class RecoveryRun {
  readonly #parts: RecoveryRunParts;
  readonly #controller = new AbortController();
  #recovery: Recovery;
  #version: number;
  #timer: ClockTimer | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isOver = false;

  /** @param version - the version with which the beginning of the recovery was written. */
  constructor(parts: RecoveryRunParts, recovery: Recovery, version: number) {
    this.#parts = parts;
    this.#recovery = recovery;
    this.#version = version;
  }

  /** Resolves when the recovery has ended and its outcome is written. It never rejects. */
  async make(): Promise<void> {
    const { closing, clock, recover } = this.#parts;
    const endListening = onAbort(closing, () => {
      this.#endBeats();
      this.#controller.abort(closing.reason);
    });
    this.#beatLater();
    const outcome = await recover({
      signal: this.#controller.signal,
      onProgress: (counts) => void this.#note(counts),
    }).then(
      (counts) => ({ state: 'done' as const, ...counts }),
      (error: unknown) => this.#failed(error),
    );
    endListening();
    this.#endBeats();
    await this.#beating;
    this.#recovery = { ...this.#recovery, ...outcome, endedAt: clock.now() };
    // An outcome that the store does not take is shown as an interruption.
    await this.#save().catch(noop);
  }

  #note(counts: AuthorizerRecovery): void {
    this.#recovery = { ...this.#recovery, ...counts };
  }

  #failed(error: unknown): Pick<Recovery, 'state' | 'failure'> {
    if (this.#parts.closing.aborted) return { state: 'interrupted' };
    return { state: 'failed', failure: failureOf(error) };
  }

  #endBeats(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  #beatLater(): void {
    if (this.#isOver) return;
    this.#timer = this.#parts.clock.setTimer(() => {
      // A store that is unavailable for a moment ends nothing: the recovery meets it as well.
      this.#beating = this.#save()
        .catch(noop)
        .then(() => this.#beatLater());
    }, BEAT_EVERY_MS);
  }

  /** Writes the recovery, and ends it if it is no longer the one of its platform. */
  async #save(): Promise<void> {
    const { component, documents, clock } = this.#parts;
    this.#recovery = { ...this.#recovery, seenAt: clock.now() };
    const saved = await documents.save(component, this.#recovery, this.#version);
    if (saved !== undefined) {
      this.#version = saved;
      return;
    }
    const { recovery, version } = await documents.read(component);
    // A write whose answer was lost has replaced the version that is known here.
    if (recovery?.id === this.#recovery.id) this.#version = version;
    else this.#controller.abort(replaced(component, recovery !== undefined));
  }
}

function replaced(component: string, isAnother: boolean): TokenError {
  if (!isAnother) {
    return new TokenError('NOT_REGISTERED', `${component} was unregistered during the recovery`, { appid: component });
  }
  return new TokenError('STORE_UNAVAILABLE', 'another process has begun the recovery anew', {
    appid: component,
    retryable: true,
  });
}

function failureOf(error: unknown): RecoveryFailure {
  if (!isTokenError(error)) return { message: 'internal error' };
  const { code, message, errcode } = error;
  return { code, message, errcode };
}
