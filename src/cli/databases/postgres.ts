import type { PostgresPool, PostgresPoolClient } from 'kysely';
import { isError } from '../../core/primitives/foreign-objects.js';
import { assertReadableFile } from '../args/readable-file.js';
import { CONNECT_MS, IDLE_MS, KEEP_ALIVE_MS, MOST_CONNECTIONS, STATEMENT_MS } from './pool-bounds.js';

interface Client extends Emitter {
  query(text: string, values: unknown[]): Promise<never>;
  release(destroy?: boolean): void;
}

interface Emitter {
  on(event: string, listener: (client: Emitter) => void): unknown;
}

interface Pool extends Emitter {
  connect(): Promise<Client>;
  end(): Promise<void>;
}

interface PgModule {
  readonly Pool: new (options: object) => Pool;
}

const FILES = ['sslrootcert', 'sslcert', 'sslkey'];

/**
 * Creates a pool of `pg`. The driver gets the query of the URL.
 *
 * @throws UsageError when it names a file that cannot be read.
 */
export function postgresPool(module: unknown, url: URL): PostgresPool {
  for (const name of FILES) {
    const path = url.searchParams.get(name);
    if (path !== null) assertReadableFile({ source: `--store: ${name}`, text: path });
  }
  const pool = new (module as PgModule).Pool({
    connectionString: url.href,
    fallback_application_name: 'wechat-token-manager',
    max: MOST_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS,
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    allowExitOnIdle: true,
  });
  // Errors of idle connections are emitted by the pool, and those of busy ones by the client. Without a listener they
  // would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return {
    connect: async () => checkedOut(await pool.connect()),
    end: () => pool.end(),
  };
}

/**
 * Wraps a client. One that did not answer in time is not reused, because the server may have disappeared without closing
 * the connection.
 */
function checkedOut(client: Client): PostgresPoolClient {
  let isSilent = false;
  const query = async (text: string, values: readonly unknown[]): Promise<never> => {
    try {
      return await client.query(text, [...values]);
    } catch (error) {
      if (!isReadTimeout(error)) throw error;
      isSilent = true;
      throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
    }
  };
  // The other overload of `query` is for cursors, which the store does not use.
  return { query: query as unknown as PostgresPoolClient['query'], release: () => client.release(isSilent) };
}

function isReadTimeout(error: unknown): boolean {
  return isError(error) && error.message === 'Query read timeout';
}
