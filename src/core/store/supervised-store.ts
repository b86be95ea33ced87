import type { Clock } from '../concurrency/clock.js';
import { setGraceTimer } from '../concurrency/grace-timer.js';
import { Semaphore } from '../concurrency/semaphore.js';
import { COMMAND_TIMEOUT_MS } from '../concurrency/time-limits.js';
import { Deadline } from '../model/deadline.js';
import { closedError, safeCause, TokenError } from '../model/errors.js';
import type { ChangeListener, Due, Lease, ListOptions, StoredDocument, TokenStore } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import { type Absence, type AbsenceJudge, NOTHING_IS_LOST } from './absence.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { checkedClaims, checkedDocuments, checkedInstant, checkedLease } from './store-answers.js';

type Read = 'now' | 'get' | 'list' | 'watch' | 'watch end';
type Write = 'set' | 'delete' | 'lease' | 'claimDue' | 'release' | 'close';
type Command = Read | Write;
type Kind = 'read' | 'write';

const READS: readonly Command[] = ['now', 'get', 'list', 'watch', 'watch end'];
/**
 * The maximum number of reads in progress. Further commands would wait in the queue of the driver, and might time out
 * before a store that works well has received them.
 */
const MOST_READS = 64;
const MOST_WRITES = 16;
/** The commands that are sent even while the store hangs: they are few, and release resources. */
const ALWAYS_TRIED: readonly Command[] = ['watch end', 'release', 'close'];

/** The commands that are queued, because any number of callers may need them at the same time. */
type Queued = 'get' | 'list' | 'lease' | 'set' | 'delete';

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
   * Whether the store did not answer at all, or failed to read as well. A store that is merely full answers, and can
   * still read.
   */
  readonly isOutage: boolean;
}

export interface StoreAvailability {
  unavailable(error: TokenError): void;
  available(): void;
}

/** A handle by which a command that makes progress restarts its time limit. */
interface Progress {
  extend(): void;
}

interface Taking<Result> {
  ask(): Promise<Result>;
  check(taken: Result): Result;
  giveBack(taken: Result): unknown;
}

/**
 * Wraps the user's store. It limits the time of each command, and the number of commands while the store hangs; it
 * reports all failures by one kind of error, and notifies when the store fails and recovers.
 */
export class SupervisedStore {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  readonly #availability: StoreAvailability;
  /** The latest failures by kind of command, because reading may work while writing does not. */
  readonly #failing = new Map<Kind, FailedCommand>();
  readonly #breakers: Readonly<Record<Kind, CircuitBreaker>>;
  readonly #queues: ReadonlyMap<Command, Semaphore>;
  /** The functions that end the wait for each command that has been sent. */
  readonly #sent = new Set<() => void>();
  /**
   * The state of the connection. `closing`: commands in progress are awaited, and only those that release something are
   * sent. `closed`: no command but `close` is sent.
   */
  #state: 'open' | 'closing' | 'closed' = 'open';
  #allAnswered: (() => void) | undefined;
  #judge: AbsenceJudge = NOTHING_IS_LOST;

  constructor(store: TokenStore, clock: Clock, availability: StoreAvailability) {
    this.#store = store;
    this.#clock = clock;
    this.#availability = availability;
    this.#breakers = { read: new CircuitBreaker(clock), write: new CircuitBreaker(clock) };
    const reads = new Semaphore(MOST_READS);
    const writes = new Semaphore(MOST_WRITES);
    // Leases have their own semaphore, so that the write of a lease holder does not wait behind callers that want a
    // lease.
    const leases = new Semaphore(MOST_WRITES);
    const queues: Readonly<Record<Queued, Semaphore>> = {
      get: reads,
      list: reads,
      lease: leases,
      set: writes,
      delete: writes,
    };
    this.#queues = new Map(Object.entries(queues) as [Command, Semaphore][]);
  }

  /** Sets the judge of documents that are missing. Until then, the store counts as one that has never lost anything. */
  judgeAbsencesBy(judge: AbsenceJudge): void {
    this.#judge = judge;
  }

  /** Returns why a document was found missing just now; see {@link AbsenceJudge}. */
  judgeAbsence(id: string): Promise<Absence> {
    return this.#judge.judgeAbsence(id);
  }

  /** Checks whether the store has been replaced; see {@link AbsenceJudge}. */
  lookAtHistory(): Promise<void> {
    return this.#judge.lookAtHistory();
  }

  /** Returns whether another process may put an app or task back; see {@link AbsenceJudge}. */
  isAwaited(id: string): boolean {
    return this.#judge.isAwaited(id);
  }

  get failing(): boolean {
    return this.#failing.size > 0;
  }

  get failsToRead(): boolean {
    return this.#failing.has('read');
  }

  get failsToWrite(): boolean {
    return this.#failing.has('write');
  }

  /** Returns the trouble of failing writes; `undefined` if writes work. */
  get writeTrouble(): StoreTrouble | undefined {
    return this.#failing.get('write');
  }

  get canWatch(): boolean {
    return this.#store.watch !== undefined;
  }

  get canClaim(): boolean {
    return this.#store.claimDue !== undefined;
  }

  now(): Promise<number> {
    return this.#command('now', async () => checkedInstant(await this.#store.now()));
  }

  get(ids: readonly string[]): Promise<(StoredDocument | undefined)[]> {
    return this.#command('get', async () => checkedDocuments(ids, await this.#store.get(ids)));
  }

  set(
    id: string,
    data: JsonObject,
    expected: number,
    options?: { readonly due?: Due; readonly lease?: Lease },
  ): Promise<number | undefined> {
    return this.#command('set', () => this.#store.set(id, data, expected, options));
  }

  delete(id: string, expected: number): Promise<boolean> {
    return this.#command('delete', () => this.#store.delete(id, expected));
  }

  async *list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): AsyncIterable<StoredDocument> {
    const progress: Progress = { extend: noop };
    const withProgress: ListOptions = { ...options, progressed: () => progress.extend() };
    // The listing begins within the first command, because creating an iterator does not show that the store works.
    let documents = undefined as AsyncIterator<StoredDocument> | undefined;
    const nextDocument = (): Promise<IteratorResult<StoredDocument>> => {
      documents ??= this.#store.list(prefix, withProgress)[Symbol.asyncIterator]();
      return documents.next();
    };
    try {
      for (;;) {
        const next = await this.#command('list', nextDocument, progress);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      // The call is not awaited, because a generator that hangs in `next` never settles `return` either.
      void this.#call(async () => documents?.return?.()).catch(() => {});
    }
  }

  lease(id: string, ttlMs: number): Promise<Lease | undefined> {
    return this.#take('lease', {
      ask: () => this.#store.lease(id, ttlMs),
      check: (lease) => checkedLease(id, lease),
      giveBack: (lease) => this.#giveBack(lease === undefined ? [] : [lease]),
    });
  }

  claimDue(lanes: readonly string[], limit: number, ttlMs: number): Promise<Lease[]> {
    return this.#take('claimDue', {
      ask: async () => (await this.#store.claimDue?.(lanes, limit, ttlMs)) ?? [],
      check: checkedClaims,
      giveBack: (leases) => this.#giveBack(leases),
    });
  }

  /** Releases a lease. A failure is ignored, because the lease expires by itself. */
  async release(lease: Lease): Promise<void> {
    await this.#command('release', () => lease.release()).catch(() => {});
  }

  async watch(changed: ChangeListener): Promise<() => Promise<void>> {
    if (!this.canWatch) return async () => {};
    const end = await this.#take('watch', {
      ask: async () => this.#store.watch?.(changed),
      check: (ending) => ending,
      giveBack: (ending) => ending?.(),
    });
    return async () => {
      await this.#command('watch end', async () => end?.()).catch(() => {});
    };
  }

  /**
   * Rejects all further commands with code `CLOSED`, waits for those that have been sent for at most the time of one
   * command, and closes the store.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` if the store cannot be closed.
   */
  async close(): Promise<void> {
    this.#state = 'closing';
    const deadline = new Deadline(this.#clock, COMMAND_TIMEOUT_MS, undefined);
    while (this.#sent.size > 0 && deadline.leftMs() > 0) {
      const answered = new Promise<void>((resolve) => {
        this.#allAnswered = resolve;
      });
      await deadline.settles(answered, COMMAND_TIMEOUT_MS);
    }
    this.#state = 'closed';
    for (const abandon of [...this.#sent]) abandon();
    await this.#send('close', () => this.#store.close());
  }

  /** Sends a command whose answer is a resource, and releases the resource if the answer comes too late or is wrong. */
  async #take<Result>(command: Command, { ask, check, giveBack }: Taking<Result>): Promise<Result> {
    let asked = undefined as Promise<Result> | undefined;
    try {
      return await this.#command(command, () => (asked = this.#call(ask)).then(check));
    } catch (error) {
      asked?.then(giveBack).catch(() => {});
      throw error;
    }
  }

  /** Sends a command when a permit is free. Its time limit begins only then. */
  #command<Result>(command: Command, run: () => Promise<Result>, progress?: Progress): Promise<Result> {
    const send = (): Promise<Result> => this.#send(command, run, progress);
    return this.#queues.get(command)?.run(send) ?? send();
  }

  /** Releases leases that came too late. Once the store is closed, they expire by themselves. */
  async #giveBack(leases: readonly Lease[]): Promise<void> {
    if (this.#state !== 'closed') await Promise.allSettled(leases.map(async (lease) => lease.release()));
  }

  #isRefused(command: Command): boolean {
    if (this.#state === 'open' || command === 'close') return false;
    return this.#state === 'closed' || !ALWAYS_TRIED.includes(command);
  }

  #send<Result>(command: Command, run: () => Promise<Result>, progress?: Progress): Promise<Result> {
    if (this.#isRefused(command)) return Promise.reject(closedError());
    const gate = this.#breakers[kindOf(command)];
    if (!ALWAYS_TRIED.includes(command) && !gate.allows()) return Promise.reject(hangs(gate.openForMs));
    const sent = gate.send();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        if (progress !== undefined) progress.extend = noop;
        this.#sent.delete(abandon);
        if (this.#sent.size === 0) this.#allAnswered?.();
      };
      const abandon = (): void => {
        end();
        sent.abandon();
        reject(closedError());
      };
      const late = (): void => {
        end();
        sent.abandon();
        reject(this.#failed(command, `did not answer within ${COMMAND_TIMEOUT_MS} ms`, undefined));
      };
      let timer = setGraceTimer(this.#clock, late, COMMAND_TIMEOUT_MS);
      if (progress !== undefined) {
        progress.extend = () => {
          timer.cancel();
          timer = setGraceTimer(this.#clock, late, COMMAND_TIMEOUT_MS);
        };
      }
      this.#sent.add(abandon);
      this.#call(run).then(
        (result) => {
          end();
          // A late answer is not a recovery while commands are pending, because these may time out as well.
          if (!sent.settle() || gate.isIdle) this.#worked(command, result);
          resolve(result);
        },
        (error: unknown) => {
          end();
          // The failure of an abandoned command is ignored: it has been reported, and the store may work again by now.
          if (!sent.settle()) reject(this.#failed(command, 'failed', error));
        },
      );
    });
  }

  async #call<Result>(command: () => Promise<Result>): Promise<Result> {
    return command();
  }

  #worked(command: Command, result: unknown): void {
    // A successful close does not show that the store is available, and has no further consequences.
    if (this.#state !== 'open') return;
    const kind = kindOf(command);
    const failed = this.#failing.get(kind);
    if (failed === undefined || (kind === 'write' && !showsThatWritesWork(command, result, failed))) return;
    this.#failing.delete(kind);
    if (this.#failing.size === 0) this.#availability.available();
  }

  #failed(command: Command, what: string, error: unknown): TokenError {
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
    const isOutage = before?.isOutage === true || error === undefined || this.#failing.has('read');
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
 * outage any write does. A store that is full still releases, deletes, and answers that nothing is due, so only a
 * successful `set` counts, or a success of the command that failed, if it has changed something.
 */
function showsThatWritesWork(command: Command, result: unknown, failed: FailedCommand): boolean {
  if (failed.isOutage) return true;
  if (command !== 'set' && command !== failed.command) return false;
  if (command === 'set' || command === 'lease') return result !== undefined;
  return command !== 'claimDue' || (result as readonly Lease[]).length > 0;
}

function kindOf(command: Command): Kind {
  return READS.includes(command) ? 'read' : 'write';
}

function hangs(silentMs: number): TokenError {
  const message = `the store has not answered for ${Math.round(silentMs / 1_000)} s`;
  return new TokenError('STORE_UNAVAILABLE', message, { retryable: true });
}
