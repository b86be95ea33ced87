import type { Dialect } from 'kysely';
import type { TokenManagerOptions } from 'wechat-token-manager';
import { mysql, sqlite } from './other-dialects.js';
import { joinOnRedis } from './redis.js';
import { joinOnSql, type Member, postgres } from './sql.js';

/** @param name - the prefix in Redis, or the name of the table. */
export async function join(url: string, name: string, options: TokenManagerOptions): Promise<Member> {
  if (!/^rediss?:/.test(url)) return joinOnSql(dialectOf(url), name, options);
  const tokens = joinOnRedis(url, name, options);
  return { tokens, leave: () => tokens.close() };
}

export function dialectOf(url: string): Dialect {
  const { protocol, pathname } = new URL(url);
  switch (protocol) {
    case 'postgres:':
    case 'postgresql:':
      return postgres(url);
    case 'mysql:':
      return mysql(url);
    case 'sqlite:':
      return sqlite(decodeURIComponent(pathname));
    default:
      throw new Error(`there is no store for ${protocol} URLs`);
  }
}
