import { DelayedError, type Job, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Delivery, Due } from './delivery.js';

const NAME = 'occurrences';
/** BullMQ's own keys, in the slot of ours. */
const PREFIX = '{reminders}:bull';
const CONCURRENCY = 20;

/** Holds a delayed job for each reminder's next occurrence. Its id names both, so that adding it again changes nothing. */
export class OccurrenceQueue {
  readonly #queue: Queue<Due>;
  readonly #connection: Redis;
  readonly #clock: Clock;

  constructor(connection: Redis, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#queue = new Queue(NAME, { connection, prefix: PREFIX });
    // The connection logs that Redis is not available, and each command rejects.
    this.#queue.on('error', () => {});
  }

  async add(due: Due): Promise<void> {
    await this.addAll([due]);
  }

  async addAll(dues: readonly Due[]): Promise<void> {
    await this.#queue.addBulk(
      dues.map((due) => ({
        name: 'send',
        data: due,
        opts: {
          jobId: jobIdOf(due),
          delay: this.#clock.toTimer(Math.max(0, due.instant - this.#clock.now())),
          removeOnComplete: true,
          removeOnFail: true,
        },
      })),
    );
  }

  /** Adds those that have no job. To look is cheap, so that a backlog that is found again does not hold up its own messages. */
  async addMissing(dues: readonly Due[]): Promise<void> {
    const looks = this.#connection.pipeline();
    for (const due of dues) looks.exists(this.#queue.toKey(jobIdOf(due)));
    const found = (await looks.exec()) ?? [];
    const missing = dues.filter((_, index) => found[index]?.[1] !== 1);
    if (missing.length > 0) await this.addAll(missing);
  }

  /** Removes the job of an occurrence that will not be; one that has begun finds out by itself. */
  async remove(due: Due): Promise<void> {
    await this.#queue.remove(jobIdOf(due));
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

/** Returns the worker that sends the messages which are due and adds the job of each reminder's next one; `run` starts it. */
export function makeWorker(
  connection: Redis,
  parts: { queue: OccurrenceQueue; delivery: Delivery; clock: Clock; log: Log; lockMs: number },
): Worker<Due> {
  const { queue, delivery, clock, log, lockMs } = parts;
  const process = async (job: Job<Due>, lock: string | undefined): Promise<void> => {
    const next = await delivery.deliver(job.data);
    if (next === undefined) return;
    if ('due' in next) return queue.add(next.due);
    await job.moveToDelayed(Date.now() + clock.toTimer(next.retryAt - clock.now()), lock);
    throw new DelayedError();
  };
  const worker = new Worker<Due>(NAME, process, {
    connection,
    prefix: PREFIX,
    autorun: false,
    concurrency: CONCURRENCY,
    // A job whose worker has gone comes again, as often as that happens: the claim decides what it may do.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    lockDuration: lockMs,
    stalledInterval: lockMs,
  });
  worker.on('error', (error) => log.warn({ error: error.message }, 'BullMQ reports an error'));
  // The next sweep adds the job of an outcome again that could not be written.
  worker.on('failed', (job, error) =>
    log.warn({ job: job?.id, error: error.message }, 'an occurrence could not be handled'),
  );
  return worker;
}

function jobIdOf({ id, instant }: Due): string {
  return `${id}-${instant}`;
}
