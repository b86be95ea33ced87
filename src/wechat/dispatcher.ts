import type { Dispatcher } from 'undici';
import { ProxyFailure } from './connect-failure.js';
import { loadUndici } from './load-undici.js';

/** The limit of concurrent requests, of which those for one app and type have a share. */
export const MAX_IN_FLIGHT = 96;

const MAX_BODY_BYTES = 1_048_576;
const CONNECT_TIMEOUT_MS = 3_000;

/** The bounds of the connections of a dispatcher. */
export interface DispatcherBounds {
  /** The limit of connections to a host. */
  readonly connections: number;
  /** The limit of an answer; absent for none. */
  readonly maxResponseSize?: number;
}

const TOKEN_REQUESTS: DispatcherBounds = { connections: MAX_IN_FLIGHT, maxResponseSize: MAX_BODY_BYTES };

/**
 * Loads undici and creates a dispatcher with persistent connections, direct or through the proxy.
 *
 * @param bounds - by default those of requests for tokens.
 */
async function createDispatcher(
  proxy: string | undefined,
  bounds: DispatcherBounds = TOKEN_REQUESTS,
): Promise<Dispatcher> {
  const { Agent, Client, Pool, ProxyAgent } = await loadUndici();
  const { connections } = bounds;
  const createClient = (origin: URL, settings: object): Dispatcher => withOwnError(new Client(origin, settings));
  const createPool = (origin: string | URL, settings: object): Dispatcher =>
    new Pool(origin, { ...settings, factory: createClient });
  const options = { ...bounds, headersTimeout: 0, bodyTimeout: 0, factory: createPool };
  const connect = { timeout: CONNECT_TIMEOUT_MS };
  if (proxy === undefined) return new Agent({ ...options, connect });
  return new ProxyAgent({
    ...options,
    ...proxyAddress(new URL(proxy)),
    proxyTls: connect,
    requestTls: connect,
    // The proxy needs a timeout of its own, because undici's default of 300 s would let a hanging proxy block its connections.
    clientFactory: (origin, settings) =>
      withProxyFailures(createPool(origin, { ...settings, connections, headersTimeout: CONNECT_TIMEOUT_MS })),
  });
}

/** Creates a dispatcher at the first request, because loading undici takes longer than the rest of the start. */
export class LazyDispatcher {
  readonly #create: () => Promise<Dispatcher>;
  #dispatcher: Promise<Dispatcher> | undefined;
  #opened: Dispatcher | undefined;
  #isClosed = false;

  constructor(proxy: string | undefined, bounds?: DispatcherBounds) {
    this.#create = () => createDispatcher(proxy, bounds);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Returns the dispatcher if it is open already, so that most requests need not wait for it. */
  get opened(): Dispatcher | undefined {
    return this.#isClosed ? undefined : this.#opened;
  }

  /** Returns the dispatcher; `undefined` once it is closed. A failure to load undici is not remembered. */
  async open(): Promise<Dispatcher | undefined> {
    if (this.#isClosed) return undefined;
    this.#dispatcher ??= this.#create().catch((error: unknown) => {
      this.#dispatcher = undefined;
      throw error;
    });
    this.#opened = await this.#dispatcher;
    return this.opened;
  }

  /** Closes all connections. Requests in progress fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const dispatcher = await this.#dispatcher;
    await dispatcher?.destroy();
  }
}

/**
 * Returns the address and the credentials of the proxy. They are passed separately because undici ignores a user without
 * a password.
 */
function proxyAddress({ origin, username, password }: URL): { uri: string; token?: string } {
  if (username === '') return { uri: origin };
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { uri: origin, token: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/**
 * Makes every failure to open a tunnel a `ProxyFailure`. Without this, undici would take a connection that the proxy has
 * closed for an idle one, and reconnect endlessly.
 */
function withProxyFailures(client: Dispatcher): Dispatcher {
  const connect = client.connect.bind(client);
  return Object.assign(client, {
    async connect(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
      const tunnel = await connect(options).catch((error: unknown) => {
        throw new ProxyFailure(String((error as { code?: unknown }).code));
      });
      if (tunnel.statusCode === 200) return tunnel;
      tunnel.socket.on('error', () => {}).destroy();
      throw new ProxyFailure(tunnel.statusCode);
    },
  });
}

/**
 * Makes a client close its connection with an error of its own, because undici closes all connections of a pool with the same
 * one. urllib defines a property that cannot be changed on each error with which a socket of the process is closed: the second
 * connection would throw, and the pool would never be closed.
 */
function withOwnError(client: Dispatcher): Dispatcher {
  const destroy = client.destroy.bind(client) as (...args: unknown[]) => unknown;
  return Object.assign(client, {
    destroy: (...args: unknown[]) => destroy(...args.filter((arg) => typeof arg === 'function')),
  });
}
