import type { Clock } from '../concurrency/clock.js';
import { setGraceTimer } from '../concurrency/grace-timer.js';
import { Semaphore } from '../concurrency/semaphore.js';
import { COMMAND_TIMEOUT_MS } from '../concurrency/time-limits.js';
import { Deadline } from '../model/deadline.js';
import { closedError, safeCause, TokenError } from '../model/errors.js';
import type { ChangeListener, Due, Lease, ListOptions, StoredDocument, TokenStore } from '../model/store.js';
import type { JsonObject } from '../primitives/json.js';
import { noop } from '../primitives/noop.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { checkedClaims, checkedDocuments, checkedInstant, checkedLease } from './store-answers.js';

/**
 * The reason why a document that was there is missing. `deleted`: it was deleted on purpose, or never there. `lost`: the
 * store has lost it, and what is held of it goes on. `restored`: it has been put back, so that it has to be read again.
 */
export type Absence = 'deleted' | 'lost' | 'restored';

type Read = 'now' | 'get' | 'list' | 'watch' | 'watch end';
type Write = 'set' | 'delete' | 'lease' | 'claimDue' | 'release' | 'close';
type Command = Read | Write;
type Kind = 'read' | 'write';

const READS: readonly Command[] = ['now', 'get', 'list', 'watch', 'watch end'];
/**
 * The commands that a store is given at once: beyond that they would wait in the queue of its driver, and their time be over
 * before a store that works well has heard of them.
 */
const MOST_READS = 64;
const MOST_WRITES = 16;
/** They are few, and give back what would be kept without them. */
const ALWAYS_TRIED: readonly Command[] = ['watch end', 'release', 'close'];

/** The commands that any number of callers may ask for at the same time. */
type Queued = 'get' | 'list' | 'lease' | 'set' | 'delete';

/** A failure of a store that has not worked since. */
export interface StoreTrouble {
  /** By the wall clock. */
  readonly since: number;
  /** The name that the server or the system gives it; `STORE_UNAVAILABLE` where it gives none. */
  readonly code: string;
}

interface FailedCommand extends StoreTrouble {
  readonly command: Command;
  /** Whether the store answered nothing at all, or no read either: a full one does both. */
  readonly isOutage: boolean;
}

export interface StoreAvailability {
  unavailable(error: TokenError): void;
  available(): void;
}

/** Lets a command that is at work begin its time anew. */
interface Progress {
  extend(): void;
}

interface Taking<Result> {
  ask(): Promise<Result>;
  check(taken: Result): Result;
  giveBack(taken: Result): unknown;
}

/**
 * Wraps the user's store with a bound on the time of each command and on their number while it hangs, one kind of
 * error, and word of when it fails and recovers.
 */
export class SupervisedStore {
  readonly #store: TokenStore;
  readonly #clock: Clock;
  readonly #availability: StoreAvailability;
  /** The commands that fail now, by kind: reading may work while writing does not. */
  readonly #failing = new Map<Kind, FailedCommand>();
  readonly #breakers: Readonly<Record<Kind, CircuitBreaker>>;
  readonly #queues: ReadonlyMap<Command, Semaphore>;
  /** Ends the waiting for each command that has been sent. */
  readonly #sent = new Set<() => void>();
  /** `closing`: what has been sent is waited for, and only what gives something back is sent. `closed`: nothing is sent. */
  #state: 'open' | 'closing' | 'closed' = 'open';
  #allAnswered: (() => void) | undefined;
  /**
   * Tells what it means that the document with this id was found missing just now. Rejects with a `TokenError` where that
   * cannot be told.
   */
  judgeAbsence: (id: string) => Promise<Absence> = async () => 'deleted';
  /** Looks whether the store has been replaced, as {@link judgeAbsence} does, where documents differ from what is held of them. */
  lookAtHistory: () => Promise<void> = async () => {};
  /**
   * Returns whether the app or task with this id comes from a store that was replaced, and has not been unregistered in the one
   * in its place: another process may put it back, so what belongs to it must not be deleted.
   */
  isAwaited: (id: string) => boolean = () => false;

  constructor(store: TokenStore, clock: Clock, availability: StoreAvailability) {
    this.#store = store;
    this.#clock = clock;
    this.#availability = availability;
    this.#breakers = { read: new CircuitBreaker(clock), write: new CircuitBreaker(clock) };
    const reads = new Semaphore(MOST_READS);
    const writes = new Semaphore(MOST_WRITES);
    // A holder that writes does not queue behind callers that want a lease.
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

  get failing(): boolean {
    return this.#failing.size > 0;
  }

  get failsToRead(): boolean {
    return this.#failing.has('read');
  }

  get failsToWrite(): boolean {
    return this.#failing.has('write');
  }

  /** Returns why the last write failed, and since when writes have; `undefined` where it did not. */
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
    // Begun by the first command: to hand out an iterator proves nothing of a store.
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
      // Not waited for: a generator that hangs within `next` never answers `return` either.
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

  /** Releases a lease if that can be done: one that is not released expires. */
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
   * Refuses all further commands with code `CLOSED`, waits for those that have been sent, as long as a command may take, and
   * closes the store.
   *
   * @throws a `TokenError` with code `STORE_UNAVAILABLE` when the store cannot be closed.
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

  /** Sends a command whose answer has to be given back if it comes too late, or is not the one. */
  async #take<Result>(command: Command, { ask, check, giveBack }: Taking<Result>): Promise<Result> {
    let asked = undefined as Promise<Result> | undefined;
    try {
      return await this.#command(command, () => (asked = this.#call(ask)).then(check));
    } catch (error) {
      asked?.then(giveBack).catch(() => {});
      throw error;
    }
  }

  /** Sends a command in its turn, when its time begins. */
  #command<Result>(command: Command, run: () => Promise<Result>, progress?: Progress): Promise<Result> {
    const send = (): Promise<Result> => this.#send(command, run, progress);
    return this.#queues.get(command)?.run(send) ?? send();
  }

  /** Gives back leases that came too late; once the store is closed they end by themselves. */
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
          // An answer that came too late for its caller is no recovery while others may end the same way.
          if (!sent.settle() || gate.isIdle) this.#worked(command, result);
          resolve(result);
        },
        (error: unknown) => {
          end();
          // That one which was abandoned fails is no news, and the store may work again by now.
          if (!sent.settle()) reject(this.#failed(command, 'failed', error));
        },
      );
    });
  }

  async #call<Result>(command: () => Promise<Result>): Promise<Result> {
    return command();
  }

  #worked(command: Command, result: unknown): void {
    // That a store can be closed does not mean that it is available, and nothing follows from it any more.
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
    // What has shown that documents cannot be stored is not forgotten for a command that needs less.
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
 * Tells whether a write that worked ends the trouble that a failed one began. After an outage each does. A store that is full
 * still releases, deletes and says that nothing is due: a document that was stored ends it, and so does the command that failed,
 * if it has changed something.
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
