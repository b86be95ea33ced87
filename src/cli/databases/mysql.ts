import type { MysqlPool, MysqlPoolConnection } from 'kysely';
import { hostIn } from '../args/store-url.js';
import { asUsage } from '../failures/usage-error.js';
import { CONNECT_MS, IDLE_MS, KEEP_ALIVE_MS, MOST_CONNECTIONS, PARTING_MS, STATEMENT_MS } from './pool-bounds.js';

type Answer = (error: unknown, result: never) => void;

interface Connection {
  query(question: object, answer: Answer): void;
  readonly stream: { destroy(): void };
  release(): void;
  destroy(): void;
  on(event: string, listener: () => void): unknown;
}

interface Pool {
  getConnection(callback: (error: unknown, connection: Connection) => void): void;
  end(callback: (error: unknown) => void): void;
  on(event: 'connection', listener: (connection: Connection) => void): unknown;
}

interface MysqlModule {
  createPool(options: object): Pool;
}

const MOST_WAITING = 1_000;

/**
 * Creates a pool of `mysql2`. The driver gets the query of the URL, except for the options on which the store depends.
 *
 * @throws UsageError for a query that the driver does not take.
 */
export function mysqlPool(module: unknown, url: URL): MysqlPool {
  const pool = asUsage(
    () => (module as MysqlModule).createPool(poolOptions(url)),
    (message) => `--store: ${message}`,
  );
  const connections = new Set<Connection>();
  pool.on('connection', (connection) => {
    connections.add(connection);
    connection.on('end', () => connections.delete(connection));
    // The pool itself only handles the first error of a connection.
    connection.on('error', () => connections.delete(connection));
  });
  return {
    getConnection(callback) {
      pool.getConnection((error, connection) => {
        callback(error, (error ? undefined : checkedOut(connection)) as MysqlPoolConnection);
      });
    },
    end(callback) {
      const late = setTimeout(() => {
        for (const connection of connections) drop(connection);
        callback(undefined);
      }, PARTING_MS);
      pool.end((error) => {
        clearTimeout(late);
        callback(error);
      });
    },
  };
}

/**
 * Wraps a connection. One that did not answer in time is not reused, because the server may have disappeared without
 * closing it.
 */
function checkedOut(connection: Connection): MysqlPoolConnection {
  let isSilent = false;
  const query = (sql: string, values: unknown[], answer: Answer): void => {
    connection.query({ sql, values, timeout: STATEMENT_MS }, (error, result) => {
      if ((error as NodeJS.ErrnoException | null)?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') isSilent = true;
      answer(error, result);
    });
  };
  return {
    query: query as MysqlPoolConnection['query'],
    release: () => (isSilent ? drop(connection) : connection.release()),
  };
}

/** Destroys a connection together with its stream. The driver alone would wait for the server to close its side. */
function drop(connection: Connection): void {
  connection.destroy();
  connection.stream.destroy();
}

function poolOptions(url: URL): object {
  const { port, username, password, pathname, searchParams } = url;
  const given = Object.fromEntries([...searchParams].map(([name, text]) => [name, valueIn(text)]));
  return {
    ...given,
    // The driver expects an object. An empty one selects its defaults, which verify the certificate.
    ...(given['ssl'] === true && { ssl: {} }),
    host: hostIn(url),
    port: Number(port || 3_306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    connectionLimit: MOST_CONNECTIONS,
    waitForConnections: true,
    queueLimit: MOST_WAITING,
    connectTimeout: CONNECT_MS,
    idleTimeout: IDLE_MS,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    // The following options must not come from the URL: other values would change the results that the store reads, or
    // print them.
    debug: false,
    typeCast: true,
    rowsAsArray: false,
    nestTables: false,
    namedPlaceholders: false,
    multipleStatements: false,
  };
}

function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
