import { Redis } from 'ioredis';
import type { Log } from './log.js';
import { type Database, withScripts } from './redis/scripts.js';

const COMMAND_TIMEOUT_MS = 2_000;
/** A connection over which nothing has come for so long is given up, although no one has closed it, as in a failover. */
const REQUEST_SILENCE_MS = 4_000;
/** More than the 10 s for which BullMQ waits in Redis for a job. */
const WORK_SILENCE_MS = 20_000;

/** Connects for requests, which fail within two seconds rather than wait for a store that is away. */
export function connectForRequests(url: string, log: Log): Database {
  return withScripts(
    listen(
      new Redis(url, {
        commandTimeout: COMMAND_TIMEOUT_MS,
        socketTimeout: REQUEST_SILENCE_MS,
        maxRetriesPerRequest: 1,
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
      }),
      log,
    ),
  );
}

/** Connects for workers, whose commands wait for the store: what a worker has sent must be written. */
export function connectForWork(url: string, log: Log): Database {
  return withScripts(listen(new Redis(url, { maxRetriesPerRequest: null, socketTimeout: WORK_SILENCE_MS }), log));
}

/** Connects for the token manager, which has timeouts of its own. */
export function connectForTokens(url: string, log: Log): Redis {
  return listen(new Redis(url, { socketTimeout: 1_900, keepAlive: 600, maxRetriesPerRequest: 1 }), log);
}

/** Logs once when a connection is lost, and once when it is back. */
function listen(redis: Redis, log: Log): Redis {
  let isAway = false;
  redis.on('error', (error: Error) => {
    if (!isAway) log.warn({ error: error.message }, 'Redis is not available');
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) log.info({}, 'Redis is available again');
    isAway = false;
  });
  return redis;
}
