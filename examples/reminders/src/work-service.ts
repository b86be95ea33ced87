import { connectForWork } from './connections.js';
import { Delivery } from './delivery/delivery.js';
import { makeWorker, OccurrenceQueue } from './delivery/occurrence-queue.js';
import { Sweep } from './delivery/sweep.js';
import type { Log } from './log.js';
import { Occurrences } from './redis/occurrences.js';
import { Reminders } from './redis/reminders.js';
import { TemplateStops } from './redis/template-stops.js';
import type { Settings } from './settings.js';
import type { WeChatApp } from './wechat-app.js';

export interface WorkService {
  /** Finishes the messages that are being sent, and ends. */
  stop(): Promise<void>;
}

/** Starts a worker, which begins when the app is ready. */
export function startWork(settings: Settings, app: WeChatApp, log: Log): WorkService {
  const { clock, template, redisUrl, lockMs } = settings;
  const database = connectForWork(redisUrl, log);
  const queue = new OccurrenceQueue(database, clock);
  const delivery = new Delivery({
    clock,
    template,
    log,
    wechat: app.wechat,
    occurrences: new Occurrences(database, template.id),
    stops: new TemplateStops(database, template.id),
  });
  const worker = makeWorker(database, { queue, delivery, clock, log, lockMs });
  const sweep = new Sweep({ reminders: new Reminders(database), queue, clock, log });
  let isStopped = false;
  const begin = (): void => {
    if (isStopped) return;
    sweep.start();
    worker.run().catch((error: Error) => log.error({ error: error.message }, 'the worker has ended'));
  };
  app.ready.then(begin, () => {});
  return {
    stop: async () => {
      isStopped = true;
      // A worker takes no message more while the sweep is finished.
      await Promise.all([sweep.stop(), worker.close()]);
      await queue.close();
      database.disconnect();
    },
  };
}
