import type { RedisConnection } from './redis-connection.js';

/**
 * Warns when Redis is set to delete keys of its choice once its memory is full: it would delete documents, and with them
 * refresh tokens. The `volatile` policies only delete keys that expire, which of ours are leases alone.
 *
 * A server that does not say how it is set is taken at its best.
 */
export async function warnOfEviction(connection: RedisConnection, key: string): Promise<void> {
  const memory = await connection.send(['info', 'memory'], key).catch(() => undefined);
  if (typeof memory !== 'string') return;
  const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1];
  const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  if (policy?.startsWith('allkeys-') !== true || limit === 0) return;
  process.emitWarning(
    `Redis deletes keys when its memory is full (maxmemory-policy ${policy}), and may so lose tokens that cannot be fetched again. Set maxmemory-policy to noeviction.`,
    { type: 'RedisStoreWarning', code: 'WTM_REDIS_EVICTION' },
  );
}
