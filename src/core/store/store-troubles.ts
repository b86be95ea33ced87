import type { Clock } from '../concurrency/clock.js';
import { safeCause, TokenError } from '../model/errors.js';
import type { Lease } from '../model/store.js';

type Read = 'now' | 'get' | 'list' | 'watch' | 'watch end';
type Write = 'set' | 'delete' | 'lease' | 'claimDue' | 'release' | 'close';
export type Command = Read | Write;
export type CommandKind = 'read' | 'write';

const READS: readonly Command[] = ['now', 'get', 'list', 'watch', 'watch end'];
/** The commands that a store cannot answer without writing, so that their silence alone is no outage of the store. */
const ALWAYS_WRITE: readonly Command[] = ['set', 'lease'];

export function kindOf(command: Command): CommandKind {
  return READS.includes(command) ? 'read' : 'write';
}

/** A failure of a store that has not recovered yet. */
export interface StoreTrouble {
  /** The instant of the first failure, by the wall clock. */
  readonly since: number;
  /** The code that the server or the operating system reports; `STORE_UNAVAILABLE` if there is none. */
  readonly code: string;
}

interface FailedCommand extends StoreTrouble {
  readonly command: Command;
  /**
   * Whether the store failed to read as well, or did not answer a command that need not write. A store that is full can
   * still read, and so can one whose writes wait for a lock of another program, such as a backup.
   */
  readonly isOutage: boolean;
}

export interface StoreAvailability {
  unavailable(error: TokenError): void;
  available(): void;
}

/** Remembers by kind of command how a store fails, and notifies when it begins to fail and when it has recovered. */
export class StoreTroubles {
  readonly #clock: Clock;
  readonly #availability: StoreAvailability;
  /** The latest failures by kind of command, because reading may work while writing does not. */
  readonly #failing = new Map<CommandKind, FailedCommand>();

  constructor(clock: Clock, availability: StoreAvailability) {
    this.#clock = clock;
    this.#availability = availability;
  }

  /** Returns whether commands of any kind fail. */
  get any(): boolean {
    return this.#failing.size > 0;
  }

  /** Returns the trouble of commands of a kind; `undefined` if these work. */
  of(kind: CommandKind): StoreTrouble | undefined {
    return this.#failing.get(kind);
  }

  /** Notes that a command has succeeded. */
  worked(command: Command, result: unknown): void {
    const kind = kindOf(command);
    const failed = this.#failing.get(kind);
    if (failed === undefined || (kind === 'write' && !showsThatWritesWork(command, result, failed))) return;
    this.#failing.delete(kind);
    if (this.#failing.size === 0) this.#availability.available();
  }

  /**
   * Notes that a command has failed, and returns the error for its caller.
   *
   * @param error - the error of the store; `undefined` if it did not answer.
   */
  failed(command: Command, what: string, error: unknown): TokenError {
    const cause = error === undefined ? undefined : safeCause(error);
    const detail = cause === undefined ? '' : `: ${cause.message}`;
    const failure = new TokenError('STORE_UNAVAILABLE', `the store's ${command} ${what}${detail}`, {
      retryable: true,
      cause,
    });
    const isNews = this.#failing.size === 0;
    const kind = kindOf(command);
    const before = this.#failing.get(kind);
    const since = before?.since ?? this.#clock.now();
    // A failed `set` is remembered in place of later failures of other commands, because these need less of the store.
    const worst = before?.command === 'set' ? 'set' : command;
    const isSilence = error === undefined && !ALWAYS_WRITE.includes(command);
    const isOutage = before?.isOutage === true || isSilence || this.#failing.has('read');
    this.#failing.set(kind, { since, code: codeOf(cause), command: worst, isOutage });
    const writes = this.#failing.get('write');
    if (kind === 'read' && writes !== undefined) this.#failing.set('write', { ...writes, isOutage: true });
    if (isNews) this.#availability.unavailable(failure);
    return failure;
  }
}

function codeOf(cause: Error | undefined): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : 'STORE_UNAVAILABLE';
}

/**
 * Returns whether a successful write shows that the store has recovered from an earlier failure of writes. After an
 * outage any write does. A store that only cannot write still releases, deletes, and answers that nothing is due, so a
 * successful `set` alone counts, or a success of the command that failed, if it has changed something.
 */
function showsThatWritesWork(command: Command, result: unknown, failed: FailedCommand): boolean {
  if (failed.isOutage) return true;
  if (command !== 'set' && command !== failed.command) return false;
  if (command === 'set' || command === 'lease') return result !== undefined;
  return command !== 'claimDue' || (result as readonly Lease[]).length > 0;
}
