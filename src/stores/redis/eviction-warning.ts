import type { RedisConnection } from './redis-connection.js';

/**
 * Warns if Redis is configured to evict keys when its memory is full, which would delete documents and their refresh
 * tokens. The `volatile` policies are harmless: they only evict keys with an expiry, and only leases have one.
 *
 * If the server does not show its configuration, no warning is given.
 */
export async function warnOfEviction(connection: RedisConnection, key: string): Promise<void> {
  const memory = await connection.send(['info', 'memory'], key).catch(() => undefined);
  if (typeof memory !== 'string') return;
  const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1];
  const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
  if (policy?.startsWith('allkeys-') !== true || limit === 0) return;
  process.emitWarning(
    `Redis deletes keys when its memory is full (maxmemory-policy ${policy}), which may lose tokens that cannot be fetched again. Set maxmemory-policy to noeviction.`,
    { type: 'RedisStoreWarning', code: 'WTM_REDIS_EVICTION' },
  );
}
