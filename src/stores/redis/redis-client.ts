/**
 * A client of `redis` 6 (`createClient`, `createCluster`; also of `@redis/client`), of `ioredis` 6 or of `iovalkey` (`Redis`,
 * `Cluster`). Only the methods that tell them apart are looked at, so no version is pinned.
 *
 * @public
 */
export interface RedisClient {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  duplicate(): unknown;
}
