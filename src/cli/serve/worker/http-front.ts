import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../../../core/concurrency/clock.js';
import { peerNetwork } from '../../../http/access/peer-network.js';
import { GUARDING_HEADERS } from '../../../http/messages/http-message.js';
import type { IdleConnections } from '../processes/messages.js';
import { countedRequests } from './counted-request.js';
import { OpenAnswers } from './open-answers.js';
import { ReadTurns } from './read-turns.js';
import { RequestBurst } from './request-burst.js';

const LIMITS = {
  headersTimeout: 5_000,
  // Each route limits the time for its body, because a large upload of the proxy may take longer than any other request.
  requestTimeout: 0,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 16_384,
};
export const MAX_CONNECTIONS = 10_000;
/** The time for which a client may take nothing of an answer that has been written. */
const UNREAD_MS = 60_000;
const KEEP_ALIVE_PROBE_MS = 60_000;

const REFUSALS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
};

/** The limits of connections, and the peers that may hold more than half of them. */
export interface ConnectionRules {
  /** The limit of connections. Default: 10,000. */
  readonly maxConnections?: number;
  /** Returns whether a peer, as `peerNetwork` names it, has recently sent a request that was let in. Default: every peer has. */
  readonly isAccepted?: (network: string) => boolean;
  /** Returns whether a request of a connection has been let in. By default every request counts as let in. */
  readonly hasAccepted?: ((connection: Socket) => boolean) | undefined;
  /** The time after which a connection is closed whose client takes nothing of an answer. Default: a minute. */
  readonly unreadMs?: number;
  readonly clock?: Clock;
  /**
   * Runs for each connection that is closed because its peer holds half of all, or has sent too many requests, or tiny pieces of a
   * body, at once.
   */
  readonly onRefused?: () => void;
}

const DEFAULT_RULES: Required<ConnectionRules> = {
  maxConnections: MAX_CONNECTIONS,
  isAccepted: () => true,
  hasAccepted: undefined,
  unreadMs: UNREAD_MS,
  clock: systemClock,
  onRefused: () => {},
};
/** The time in which a request that is already on its way may still arrive on a new or idle connection before that is closed. */
const REQUEST_ON_ITS_WAY_MS = 500;

/** Speaks HTTP on connections that the primary process has accepted, and limits their resources. */
export class HttpFront {
  readonly #server: Server;
  readonly #listener: RequestListener;
  /** The peer of each connection, as `peerNetwork` names it. */
  readonly #sockets = new Map<Socket, string>();
  /**
   * The connections of which no request was let in when last checked, the oldest first. It is empty without `hasAccepted`.
   */
  readonly #strangers = new Set<Socket>();
  readonly #burst = new RequestBurst();
  readonly #turns = new ReadTurns();
  readonly #rules: Required<ConnectionRules>;
  /** The number of connections of each peer. */
  readonly #ofPeer = new Map<string, number>();
  readonly #answers = new OpenAnswers();
  #emptied: (() => void) | undefined;

  constructor(listener: RequestListener, rules: ConnectionRules = {}) {
    this.#listener = listener;
    this.#rules = { ...DEFAULT_RULES, ...rules };
    const IncomingMessage = countedRequests({
      onPieces: (socket, pieces) => this.#countPieces(socket, pieces),
      onCrumbs: (socket) => this.#cutOff(socket),
    });
    this.#server = createServer({ ...LIMITS, IncomingMessage }, (request, response) => {
      if (this.#burst.isTooLong() && this.#cutsOff(request.socket)) return;
      this.#answers.follow(response);
      response.on('timeout', cutIfUnread);
      this.#answer(request, response);
    });
    // By default Node drops the headers after the 2,000th, which could be the one that reveals a proxy or a browser. The
    // total size is limited anyway.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = this.#rules.unreadMs;
    this.#server.on('clientError', (error: NodeJS.ErrnoException, client) => {
      const socket = client as Socket;
      // A refusal would be taken for the next bytes of the answer.
      if (socket.writable && this.#answers.isBegunOn(socket)) socket.destroySoon();
      else refuse(error, socket);
    });
    // The server never listens itself, but its check for slow requests starts with this event.
    this.#server.emit('listening');
  }

  /** Returns the number of open connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Returns the number of answers that are next on their connections, and not sent yet. */
  get answers(): number {
    return this.#answers.size;
  }

  accept(socket: Socket): void {
    const peer = peerNetwork(socket.remoteAddress);
    if (this.#hasTooMany(peer) || !this.#hasRoom()) {
      socket.destroy();
      return;
    }
    this.#sockets.set(socket, peer);
    if (this.#rules.hasAccepted !== undefined) this.#strangers.add(socket);
    this.#count(peer, 1);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#strangers.delete(socket);
      this.#turns.forget(socket);
      this.#count(peer, -1);
      if (this.#sockets.size === 0) this.#emptied?.();
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
    this.#server.emit('connection', socket);
  }

  #hasTooMany(peer: string): boolean {
    const { maxConnections, isAccepted, onRefused } = this.#rules;
    if ((this.#ofPeer.get(peer) ?? 0) < maxConnections / 2 || isAccepted(peer)) return false;
    onRefused();
    return true;
  }

  /**
   * Returns whether there is room for another connection. If all are taken, the oldest connection of which no request was
   * let in is closed, since otherwise a few peers without a key could lock out all others.
   */
  #hasRoom(): boolean {
    if (this.#sockets.size < this.#rules.maxConnections) return true;
    for (const oldest of this.#strangers) {
      if (!this.#isStranger(oldest)) continue;
      this.#strangers.delete(oldest);
      oldest.destroy();
      this.#rules.onRefused();
      return true;
    }
    return false;
  }

  /** Returns whether no request of a connection was let in. A credential that has to be looked up is let in after its arrival. */
  #isStranger(socket: Socket): boolean {
    if (!this.#strangers.has(socket)) return false;
    if (this.#rules.hasAccepted?.(socket) !== true) return true;
    this.#strangers.delete(socket);
    return false;
  }

  /** Calls the listener. A request that it has not let in on its return counts against its peer. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#listener(request, response);
    if (!this.#isStranger(socket)) return;
    const peer = this.#sockets.get(socket);
    if (peer !== undefined && this.#turns.isUsedUp(peer, request.rawHeaders.length / 2)) this.#readInTurns(peer);
  }

  /** Pauses the connections of a peer of which no request was let in, so that they are read in turns. */
  #readInTurns(peer: string): void {
    for (const socket of this.#strangers) {
      if (this.#sockets.get(socket) === peer && !socket.destroyed && this.#isStranger(socket)) this.#turns.wait(socket);
    }
  }

  /**
   * Closes a connection that has sent many requests at once, none of which was let in.
   *
   * @returns whether it is closed.
   */
  #cutsOff(socket: Socket): boolean {
    if (socket.destroyed) return true;
    if (!this.#isStranger(socket)) return false;
    this.#cutOff(socket);
    return true;
  }

  #cutOff(socket: Socket): void {
    socket.destroy();
    this.#rules.onRefused();
    if (this.#isStranger(socket)) this.#readInTurns(this.#sockets.get(socket) ?? '');
  }

  /** Counts pieces of a body like header fields, as long as no request of the connection was let in. */
  #countPieces(socket: Socket, pieces: number): void {
    const peer = this.#isStranger(socket) ? this.#sockets.get(socket) : undefined;
    if (peer !== undefined && this.#turns.isUsedUp(peer, pieces)) this.#readInTurns(peer);
  }

  #count(peer: string, change: number): void {
    const count = (this.#ofPeer.get(peer) ?? 0) + change;
    if (count === 0) this.#ofPeer.delete(peer);
    else this.#ofPeer.set(peer, count);
  }

  /**
   * Closes each connection after its next answer, or when its idle time is over, so that no request is lost that a client
   * is just sending.
   *
   * @returns a promise that resolves when no connection is left.
   */
  drain(idle: IdleConnections): Promise<void> {
    this.#answers.endConnections();
    if (idle === 'close') this.#rules.clock.setTimer(() => this.#closeIdle(), REQUEST_ON_ITS_WAY_MS);
    return new Promise((resolve) => {
      this.#emptied = resolve;
      if (this.#sockets.size === 0) resolve();
    });
  }

  #closeIdle(): void {
    this.#server.closeIdleConnections();
    for (const socket of this.#sockets.keys()) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Closes the remaining connections at once. */
  destroy(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
    this.#server.close();
  }
}

/**
 * Closes a connection on which nothing has moved for long, if its client takes nothing of the answer: what was written for it
 * is held in memory. A client that waits for its answer has nothing to take yet.
 */
function cutIfUnread(socket: Socket): void {
  if (socket.writableLength > 0) socket.destroy();
}

/**
 * Refuses a request that is not HTTP or takes too long. The client may still be sending, so the answer is written before
 * the socket is closed.
 */
function refuse({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, ...reason] = (REFUSALS[code] ?? '400 Bad Request').split(' ');
  const body = JSON.stringify({ status: Number(status), detail: reason.join(' ') });
  const head = [
    `HTTP/1.1 ${status} ${reason.join(' ')}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${body.length}`,
    ...Object.entries(GUARDING_HEADERS).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}
