export type { RedisClient } from './redis-client.js';
export { RedisStore, type RedisStoreOptions } from './redis-store.js';
