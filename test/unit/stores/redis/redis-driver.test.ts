import { expect, test } from 'vitest';
import { RedisStore } from '../../../../src/stores/redis/index.js';

const throws = (): never => {
  throw new Error('CANARY of a password');
};

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'undefined'],
  ['a URL', 'redis://:CANARY@host', 'a string'],
  ['an object', {}, 'an object'],
  ['an object that cannot be read', new Proxy({}, { get: throws, has: throws }), 'an object'],
])('%s is no client of Redis', (_, client, got) => {
  const what =
    'client must be a client of redis (createClient or createCluster), ioredis or iovalkey (new Redis or new Cluster)';
  expect(() => new RedisStore(client as never)).toThrow(new TypeError(`${what}, got ${got}`));
});
