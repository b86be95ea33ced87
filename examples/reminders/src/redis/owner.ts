import type { Redis } from 'ioredis';
import { keys } from './keys.js';

/**
 * Notes whose reminders the database holds. A worker of another app would take their messages, and could deliver none.
 *
 * @throws TypeError when they are another app's.
 */
export async function takeDatabase(redis: Redis, appid: string): Promise<void> {
  await redis.setnx(keys.app, appid);
  if ((await redis.get(keys.app)) !== appid) {
    throw new TypeError('REDIS_URL names a database with the reminders of another app: use another, such as .../1');
  }
}
