import type { Clock } from '../concurrency/clock.js';
import { setGraceTimer } from '../concurrency/grace-timer.js';
import { Semaphore } from '../concurrency/semaphore.js';
import { COMMAND_TIMEOUT_MS } from '../concurrency/time-limits.js';
import { Deadline } from '../model/deadline.js';
import { closedError, TokenError } from '../model/errors.js';
import type { ChangeListener, Due, Lease, ListOptions, StoredDocument, TokenStore } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import { type Absence, type AbsenceJudge, NOTHING_IS_LOST } from './absence.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { checkedClaims, checkedDocuments, checkedInstant, checkedLease, checkedVersion } from './store-answers.js';
import {
  type Command,
  type CommandKind,
  kindOf,
  type StoreAvailability,
  type StoreTrouble,
  StoreTroubles,
} from './store-troubles.js';

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

/**
 * The wait for a command that has been sent. It lets go of its function when it ends, because V8 keeps the table of a set
 * that has grown or shrunk since, with all its members, until the next collection of the whole heap.
 */
interface Wait {
  abandon(): void;
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
  readonly #troubles: StoreTroubles;
  readonly #breakers: Readonly<Record<CommandKind, CircuitBreaker>>;
  readonly #queues: ReadonlyMap<Command, Semaphore>;
  /** The waits for the commands that have been sent. */
  readonly #sent = new Set<Wait>();
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
    this.#troubles = new StoreTroubles(clock, availability);
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

  /** Checks whether the store has been replaced, and returns when it was; see {@link AbsenceJudge}. */
  lookAtHistory(): Promise<number> {
    return this.#judge.lookAtHistory();
  }

  /** Returns whether another process may put an app or task back; see {@link AbsenceJudge}. */
  isAwaited(id: string): boolean {
    return this.#judge.isAwaited(id);
  }

  /** Returns whether the enrolment with this mark is about to be removed again; see {@link AbsenceJudge}. */
  isToBeRemoved(mark: string): boolean {
    return this.#judge.isToBeRemoved(mark);
  }

  get failing(): boolean {
    return this.#troubles.any;
  }

  get failsToRead(): boolean {
    return this.#troubles.of('read') !== undefined;
  }

  get failsToWrite(): boolean {
    return this.#troubles.of('write') !== undefined;
  }

  /** Returns the trouble of failing writes; `undefined` if writes work. */
  get writeTrouble(): StoreTrouble | undefined {
    return this.#troubles.of('write');
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
    return this.#command('set', async () => checkedVersion(await this.#store.set(id, data, expected, options)));
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
      giveBack: (lease) => this.#giveBack(lease ? [lease] : []),
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
    for (const wait of [...this.#sent]) wait.abandon();
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
        this.#sent.delete(wait);
        wait.abandon = noop;
        if (this.#sent.size === 0) this.#allAnswered?.();
      };
      const wait: Wait = {
        abandon: () => {
          end();
          sent.abandon();
          reject(closedError());
        },
      };
      const late = (): void => {
        end();
        sent.abandon();
        reject(this.#troubles.failed(command, `did not answer within ${COMMAND_TIMEOUT_MS} ms`, undefined));
      };
      let timer = setGraceTimer(this.#clock, late, COMMAND_TIMEOUT_MS);
      if (progress !== undefined) {
        progress.extend = () => {
          timer.cancel();
          timer = setGraceTimer(this.#clock, late, COMMAND_TIMEOUT_MS);
        };
      }
      this.#sent.add(wait);
      this.#call(run).then(
        (result) => {
          end();
          // A late answer is not a recovery while commands are pending, because these may time out as well.
          const isRecovery = !sent.settle() || gate.isIdle;
          // A successful close does not show that the store is available, and has no further consequences.
          if (isRecovery && this.#state === 'open') this.#troubles.worked(command, result);
          resolve(result);
        },
        (error: unknown) => {
          end();
          // The failure of an abandoned command is ignored: it has been reported, and the store may work again by now.
          if (!sent.settle()) reject(this.#troubles.failed(command, 'failed', error));
        },
      );
    });
  }

  async #call<Result>(command: () => Promise<Result>): Promise<Result> {
    return command();
  }
}

function hangs(silentMs: number): TokenError {
  const message = `the store has not answered for ${Math.round(silentMs / 1_000)} s`;
  return new TokenError('STORE_UNAVAILABLE', message, { retryable: true });
}
