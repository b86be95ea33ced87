import { expect, onTestFinished, test, vi } from 'vitest';
import type { TokenManagerOptions } from 'wechat-token-manager';
import { mysql } from '../../examples/fleet/other-dialects.js';
import { joinOnRedis } from '../../examples/fleet/redis.js';
import { joinOnSql, postgres } from '../../examples/fleet/sql.js';
import { FleetProxy } from '../support/servers/fleet-proxy.js';
import { hasMariadb, startMariadb } from '../support/servers/mariadb-server.js';
import { hasPostgres, startPostgres } from '../support/servers/postgres-server.js';
import { hasRedis, startRedis } from '../support/servers/redis-server.js';
import { expectHearing, expectOneFleet } from '../support/stores/one-fleet.js';

const TABLE = 'wechat_tokens';
const WAIT = { timeout: 15_000, interval: 50 };

test.skipIf(!hasRedis())('redis: managers with one prefix are a fleet', async () => {
  await using server = await startRedis();
  await expectOneFleet(async (options) => {
    const tokens = joinOnRedis(server.url, 'shop', options);
    return { tokens, leave: () => tokens.close() };
  });
});

test.skipIf(!hasRedis())('redis: a manager reaches its server again after two seconds without an answer', async () => {
  const reported = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => reported.mockRestore());
  await using server = await startRedis();
  await using tokens = joinOnRedis(server.url, 'shop');
  await tokens.register({ appid: 'wx0123456789abcdef', secret: 'secret' });
  server.pause();
  await vi.waitFor(() => expect(reported).toHaveBeenCalledWith(expect.stringMatching(/timeout/i)), WAIT);
  server.resume();
  await vi.waitFor(() => tokens.register({ appid: 'wx0123456789abcdef', secret: 'another secret' }), WAIT);
});

test.skipIf(!hasPostgres())('sql: managers with one table of PostgreSQL are a fleet', async () => {
  await using server = await startPostgres();
  const { host, port, user, password, database } = server.connection;
  const url = `postgres://${user}:${password}@${host}:${port}/${database}`;
  await expectOneFleet((options) => joinOnSql(postgres(url), TABLE, options));
});

test.skipIf(!hasMariadb())('other-dialects: managers with one table of MariaDB are a fleet', async () => {
  await using server = await startMariadb();
  const { host, port, user, password, database } = server.connection;
  const url = `mysql://${user}:${password}@${host}:${port}/${database}`;
  await expectOneFleet((options) => joinOnSql(mysql(url), TABLE, options));
});

test.skipIf(!hasMariadb())(
  'other-dialects: a manager on MariaDB hears of changes, and can leave, after its connections have fallen silent',
  async () => {
    await using server = await startMariadb();
    await using proxy = await FleetProxy.start(server.connection.port);
    const { host, port, user, password, database } = server.connection;
    const join = (to: number) => (options: TokenManagerOptions) =>
      joinOnSql(mysql(`mysql://${user}:${password}@${host}:${to}/${database}`), TABLE, options);
    await expectHearing(join(proxy.port), join(port), () => proxy.silence());
  },
  60_000,
);
