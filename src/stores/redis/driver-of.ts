import { describeKind } from '../../core/primitives/redact.js';
import { IoRedisDriver } from './io-redis-driver.js';
import { NodeRedisDriver } from './node-redis-driver.js';
import type { RedisDriver } from './redis-driver.js';

/**
 * Tells by what it can do which kind of client this is. `call` comes first: all have a `sendCommand`, of other meanings.
 *
 * @throws TypeError when it is none.
 */
export function driverOf(client: unknown): RedisDriver {
  if (typeof client === 'object' && client !== null) {
    if (IoRedisDriver.isClient(client)) return new IoRedisDriver(client);
    if (NodeRedisDriver.isClient(client)) return new NodeRedisDriver(client);
  }
  throw new TypeError(
    `client must be a client of redis (createClient or createCluster), ioredis or iovalkey (new Redis or new Cluster), got ${describeKind(client)}`,
  );
}
