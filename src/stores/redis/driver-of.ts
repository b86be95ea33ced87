import { describeKind } from '../../core/primitives/redact.js';
import { IoRedisDriver } from './io-redis-driver.js';
import { NodeRedisDriver } from './node-redis-driver.js';
import type { RedisDriver } from './redis-driver.js';

/**
 * Returns the driver for a client, which is recognized by its methods. `call` is checked first, because all clients have
 * a `sendCommand`, with different meanings.
 *
 * @throws TypeError if it is no supported client.
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
