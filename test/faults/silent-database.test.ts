import { expect, test, vi } from 'vitest';
import { joinOnSql, type Member, postgres } from '../../examples/fleet/sql.js';
import { hasPostgres, startPostgres } from '../support/servers/postgres-server.js';
import { LossyProxy } from '../support/servers/serve-proxy.js';

const TABLE = 'wechat_tokens';
const APPS = Array.from({ length: 20 }, (_, index) => ({ appid: `wx${index}` }));
const WAIT = { timeout: 90_000, interval: 500 };

/** Uses all connections of the pool. */
async function changeAll({ tokens }: Member, secret: string): Promise<void> {
  await Promise.all(APPS.map(({ appid }) => tokens.register({ appid, secret })));
}

test.skipIf(!hasPostgres())(
  'a process with the pool of the guide reaches PostgreSQL again after it has disappeared without closing its connections',
  async () => {
    await using server = await startPostgres();
    const { host, port, user, password, database } = server.connection;
    await using proxy = await LossyProxy.to(port);
    const dialect = postgres(`postgres://${user}:${password}@${host}:${proxy.port}/${database}`);
    const member = await joinOnSql(dialect, TABLE);
    try {
      // Every connection of the pool is open when they are lost.
      await changeAll(member, 'secret');
      proxy.lose();
      await expect(changeAll(member, 'lost')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      await vi.waitFor(() => changeAll(member, 'another'), WAIT);
    } finally {
      await member.leave();
    }
  },
);
