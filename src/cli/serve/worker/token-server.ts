import type { Socket } from 'node:net';
import { type Clock, wait } from '../../../core/concurrency/clock.js';
import { engineOf } from '../../../core/engine/engine-of.js';
import { safeCause } from '../../../core/model/errors.js';
import { peersOf } from '../../../http/access/peers.js';
import { createHandler, type Handler, type HandlerOptions } from '../../../http/index.js';
import { TokenManager } from '../../../token-manager.js';
import type { ServeOptions } from '../../args/serve-options.js';
import { unusableStore } from '../../failures/start-failure.js';
import { asUsage } from '../../failures/usage-error.js';
import { logCall } from '../log/call-log.js';
import { logErrors } from '../log/error-log.js';
import { logEvents, logRefused, logStore } from '../log/event-log.js';
import type { Log } from '../log/log.js';
import { type AccessMode, accessMode } from '../processes/access-mode.js';
import type { IdleConnections } from '../processes/messages.js';
import { connectionsWithin } from '../processes/open-files.js';
import { readForwardRules, wordsOfForwardFile } from './forward-file.js';
import { HttpFront, MAX_CONNECTIONS } from './http-front.js';
import { forThisMachine } from './loopback-guard.js';
import { readSecrets, wordsOfFile } from './secret-file.js';
import { openStore, type ServerStore } from './server-store.js';

/** The time for which a start waits for a large store to be read. Valid tokens can be answered before that. */
const READING_MS = 300;
/** The time limit for open connections, longer than a connection may be idle. */
const DRAIN_MS = 7_000;
/** The time limit for the calls in progress of a server that another one has replaced. WeChat may take 30 s to answer one. */
const REPLACED_MS = 60_000;
/**
 * The share of the file descriptors for connections of clients. If these took all of them, the store and WeChat could not be
 * reached any more, and the system would drop new connections of any client.
 */
const SHARE_OF_CONNECTIONS = 0.75;
/** The time limit for writing answers that become ready when the manager closes. */
const LAST_ANSWERS_MS = 1_000;

/** Connects a manager, its HTTP routes and their connections. */
export class TokenServer {
  readonly #manager: TokenManager;
  readonly #front: HttpFront;
  readonly #clock: Clock;
  readonly #log: Log;

  private constructor(manager: TokenManager, front: HttpFront, log: Log, clock: Clock) {
    this.#manager = manager;
    this.#front = front;
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Starts the server, and resolves when it can answer.
   *
   * @param until - `read`: all documents of the store have been read. `opened`: the store works, and a large one is still
   *   being read.
   *
   * @throws UsageError for options that cannot be used; StartFailure for a store that does not work.
   */
  static async start(
    options: ServeOptions,
    log: Log,
    clock: Clock,
    until: 'read' | 'opened' = 'read',
  ): Promise<TokenServer> {
    const mode = accessMode(options);
    const opened = await openStore(options);
    const { refresh } = options;
    const manager = new TokenManager({ store: opened.store, refresh, wechat: wechatOptions(options) });
    try {
      logEvents(manager, log);
      const beginStoreLog = logStore(manager, log, clock);
      const handler = asUsage(() => createHandler(manager, handlerOptions(options, mode, log, clock)), withFlagNames);
      const started = startManager(manager, options.store.shown);
      await (until === 'read' ? started : enough(started, manager, log, clock));
      beginStoreLog();
      reencrypt(opened, log);
      return new TokenServer(manager, frontFor(handler, mode, log), log, clock);
    } catch (error) {
      await manager.close().catch(() => {});
      throw error;
    }
  }

  /** Returns the number of open connections. */
  get connections(): number {
    return this.#front.connections;
  }

  accept(socket: Socket): void {
    this.#front.accept(socket);
  }

  /**
   * Finishes the work in progress within time limits: requests first, then refreshes and deliveries.
   *
   * @param hurried - given for a server that another one has replaced: its requests get more time until this resolves.
   */
  async close(idle: IdleConnections, hurried?: Promise<void>): Promise<void> {
    const emptied = this.#front.drain(idle);
    if (hurried !== undefined) await this.#within(REPLACED_MS, Promise.race([emptied, hurried]));
    await this.#within(DRAIN_MS, emptied);
    await this.#manager.close().catch((error: unknown) => {
      this.#log.warn('closedWithError', { error: safeCause(error).message });
    });
    await this.#within(LAST_ANSWERS_MS, emptied);
    this.#front.destroy();
  }

  async #within(ms: number, emptied: Promise<void>): Promise<void> {
    const over = new AbortController();
    const late = wait(this.#clock, ms, { ref: true, signal: over.signal }).catch(() => {});
    await Promise.race([emptied, late]);
    over.abort();
  }
}

/**
 * Waits for the start, within a time limit. Most stores are read by then, so that a faulty one is noticed before clients
 * rely on this server.
 */
async function enough(started: Promise<void>, manager: TokenManager, log: Log, clock: Clock): Promise<void> {
  const over = new AbortController();
  const isOpen = engineOf(manager)
    .opened()
    .then(() => wait(clock, READING_MS, { ref: true, signal: over.signal }))
    .catch(() => started);
  isOpen.catch(() => {});
  try {
    await Promise.race([started, isOpen]);
  } finally {
    over.abort();
  }
  // Every request that needs the start tries it again.
  started.catch((error: unknown) => log.error('startFailed', { error: safeCause(error).message }));
}

async function startManager(manager: TokenManager, shown: string): Promise<void> {
  try {
    await manager.start();
  } catch (error) {
    throw unusableStore(shown, error);
  }
}

function wechatOptions({ wechatOrigins, proxy, accessToken }: ServeOptions): object {
  return {
    ...(wechatOrigins.length > 0 && { origins: wechatOrigins }),
    ...(proxy !== undefined && { proxy }),
    ...(accessToken !== undefined && { accessToken }),
  };
}

function handlerOptions(options: ServeOptions, mode: AccessMode, log: Log, clock: Clock): HandlerOptions {
  const { keys, trust, hostNames, allowHosts, publicCallbacksOnly, notifySecretFile, legacyTypeNumbers } = options;
  const { contracts, autoRegister, authorizerTasks, releaseCheck, callsPerSecondOfApp, logCalls, forwardFile } =
    options;
  const { publicUrl, returnUrl } = options;
  return {
    contracts,
    ...(mode === 'anonymous' || mode === 'loopback' ? { anonymous: true } : { trust }),
    ...(keys !== undefined && { keys }),
    hostNames,
    ...(allowHosts.length > 0 && { allowHosts }),
    ...(notifySecretFile !== undefined && { notifySecret: readSecrets('--notify-secret-file', notifySecretFile) }),
    publicOnly: publicCallbacksOnly,
    legacyTypeNumbers,
    autoRegister,
    ...(authorizerTasks.length > 0 && { authorizerTasks }),
    releaseCheck,
    ...(callsPerSecondOfApp !== undefined && { callsPerSecondOfApp }),
    ...(forwardFile !== undefined && { forward: readForwardRules('--forward-file', forwardFile) }),
    ...(publicUrl !== undefined && { publicUrl }),
    ...(returnUrl !== undefined && { returnUrl }),
    onCall: logCall(log, clock, logCalls),
    onError: logErrors(log, clock),
  };
}

function frontFor(handler: Handler, mode: AccessMode, log: Log): HttpFront {
  const listener = mode === 'loopback' ? forThisMachine(handler.node) : handler.node;
  const peers = peersOf(handler);
  const maxConnections = connectionsWithin(MAX_CONNECTIONS, SHARE_OF_CONNECTIONS);
  if (peers === undefined) return new HttpFront(listener, { maxConnections });
  logRefused(peers, log);
  const accepted = peers.watchAccepted();
  return new HttpFront(listener, {
    maxConnections,
    isAccepted: (network) => accepted.isRecent(network),
    hasAccepted: (connection) => accepted.hasConnection(connection),
    onRefused: () => {
      peers.connectionsRefused += 1;
    },
  });
}

/** Encrypts old documents in the background. The other keys are needed until it is done, and they are configured. */
function reencrypt({ reencrypt }: ServerStore, log: Log): void {
  reencrypt?.().then(
    (unread) => log.info('reencrypted', { unread }),
    (error: unknown) => log.warn('reencryptFailed', { error: safeCause(error).message }),
  );
}

/** Replaces the handler's name of an option by the flag, because files and types are checked only when the handler is created. */
function withFlagNames(message: string): string {
  const words = wordsOfFile(message)
    .replace(/^notifySecret\b/, '--notify-secret-file')
    .replace(/^authorizerTasks\b/, '--authorizer-task');
  return wordsOfForwardFile(words, '--forward-file');
}
