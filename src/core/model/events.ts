import { EventEmitter } from 'eventemitter3';
import { describeName } from '../primitives/redact.js';
import type { TokenError } from './errors.js';
import type { RefreshReason } from './refresher.js';
import type { TokenKey } from './token-key.js';
import type { TokenRecord } from './token-record.js';

/**
 * The token that an event is about.
 *
 * @public
 */
export interface TokenEvent {
  /** The app. */
  readonly appid: string;
  /** The type of the token. */
  readonly type: string;
  /** The user or merchant that the token belongs to; `undefined` if that is the app itself. */
  readonly subject: string | undefined;
}

/**
 * There is a new current token: emitted once per process and version.
 *
 * @public
 */
export interface RefreshedEvent extends TokenEvent {
  /** The current record, with the new token. */
  readonly record: TokenRecord;
  /** The reason why this process asked for it; `undefined` unless `source` is `upstream`. */
  readonly reason: RefreshReason | undefined;
  /** The origin of the token: WeChat, another user of the store (an earlier run of this process included), or `put`. */
  readonly source: 'upstream' | 'store' | 'put';
}

/**
 * An attempt failed. The current token remains in use.
 *
 * @public
 */
export interface RefreshFailedEvent extends TokenEvent {
  /** The failure of this attempt. */
  readonly error: TokenError;
  /** The number of attempts that have failed in a row. */
  readonly attempt: number;
  /** The instant of the next attempt, in epoch milliseconds. */
  readonly retryAt: number;
}

/**
 * A key that had failed has a token again.
 *
 * @public
 */
export interface RecoveredEvent extends TokenEvent {
  /** The instant at which this process first knew of the failure, in epoch milliseconds. */
  readonly since: number;
}

/**
 * The target of a task's `notify` has taken the token.
 *
 * @public
 */
export interface DeliveredEvent extends TokenEvent {
  /** The version of the record. */
  readonly version: number;
  /** The number of attempts that the delivery took. */
  readonly attempt: number;
}

/**
 * The target of a task's `notify` has not taken the token.
 *
 * @public
 */
export interface DeliveryFailedEvent extends TokenEvent {
  /** The version of the record. */
  readonly version: number;
  /** The reason why the target did not take it. */
  readonly error: TokenError;
  /** The number of deliveries that have failed in a row. */
  readonly attempt: number;
  /** The instant of the next attempt, in epoch milliseconds; `undefined` where it waits for a newer token. */
  readonly retryAt: number | undefined;
}

/**
 * The names of the events and what a listener is given.
 *
 * @public
 */
export interface TokenManagerEvents {
  /**
   * A new token is current. Emitted once for each version by each process.
   *
   * @remarks Nothing; count it if you keep metrics.
   */
  readonly refreshed: RefreshedEvent;
  /**
   * An attempt failed. The current token remains in use until it expires, and the refresh is retried.
   *
   * @remarks Look at `error.code`; alert unless `error.retryable`.
   */
  readonly refreshFailed: RefreshFailedEvent;
  /**
   * A key that had failed has a token again. Emitted once after one `refreshFailed` or more, by each process that has emitted those
   * or knows the failure from the store.
   *
   * @remarks Close the alert.
   */
  readonly recovered: RecoveredEvent;
  /**
   * The user or merchant has to authorize again. Emitted once for each refresh token that was rejected or has expired.
   *
   * - `error`: The failure, with code `REAUTHORIZATION_REQUIRED`.
   *
   * @remarks Have the user or merchant authorize again.
   */
  readonly reauthorizationRequired: TokenEvent & { readonly error: TokenError };
  /** The target of `notify` has taken the newest token. */
  readonly delivered: DeliveredEvent;
  /**
   * The target of `notify` has not taken the newest token.
   *
   * @remarks Look at the target; `status()` shows the state of its `delivery`.
   */
  readonly deliveryFailed: DeliveryFailedEvent;
  /**
   * An account has authorized a third-party platform, or has changed its authorization, and its tokens are stored. Emitted by the
   * process that exchanged the authorization code.
   *
   * - `component`: The appid of the platform.
   * - `authorizer`: The appid of the account.
   *
   * @remarks Nothing; greet the new customer.
   */
  readonly authorized: { readonly component: string; readonly authorizer: string };
  /**
   * An account has ended its authorization of a third-party platform, and its tasks and tokens are gone. Emitted by the process
   * that removed them.
   *
   * - `component`: The appid of the platform.
   * - `authorizer`: The appid of the account.
   *
   * @remarks Stop what you do for the account.
   */
  readonly unauthorized: { readonly component: string; readonly authorizer: string };
  /**
   * A third-party platform has had no new verify ticket for 30 minutes, although WeChat pushes one every 10 minutes. Its tokens
   * cannot be refreshed once the last ticket is 12 hours old. Emitted once for each silence, by each process that knows the
   * platform, and again only after another ticket has come meanwhile.
   *
   * - `component`: The appid of the platform.
   * - `since`: The instant at which WeChat made the last ticket, in epoch milliseconds; without any, the instant from which this
   *   process knew the platform.
   *
   * @remarks Check that WeChat can reach the address of the pushes that its console names, then call `startPushTicket`.
   */
  readonly verifyTicketMissing: { readonly component: string; readonly since: number };
  /**
   * The store failed. Emitted once until it works again.
   *
   * - `error`: The failure, with code `STORE_UNAVAILABLE`; its `cause` is what the store said.
   *
   * @remarks Look at `error.cause`: the disk may be full, a permission missing, or the connection lost.
   */
  readonly storeUnavailable: { readonly error: TokenError };
  /** The store works again, after a `storeUnavailable`. */
  readonly storeAvailable: Readonly<Record<string, never>>;
  /**
   * The store has lost documents that this process knew, or is an older state of itself. Emitted once for each replacement.
   *
   * This process puts back what it has registered since it started, and the newer tokens that it holds; what it has
   * unregistered within a day is removed again.
   *
   * - `replacement`: `another` for a store that was emptied, deleted, or restarted without persistence; `backup` for an earlier
   *   state of the same store.
   *
   * @remarks Find out what happened to the store. Apps that no running process has registered have to be registered again.
   */
  readonly storeReplaced: { readonly replacement: 'another' | 'backup' };
  /**
   * A stored document was damaged and has been moved aside; the token is fetched anew.
   *
   * - `id`: The id of the document.
   * - `version`: The version that was damaged.
   * - `quarantinedAs`: The id under which the damaged document is kept.
   *
   * @remarks Look at the disk. Register the app again if the document was its registration, and have the user authorize again if
   * it held the refresh token.
   */
  readonly recordQuarantined: { readonly id: string; readonly version: number; readonly quarantinedAs: string };
  /**
   * A listener threw or rejected. Nothing else was disturbed.
   *
   * - `event`: The name of the event that it listened to.
   * - `error`: The value that it threw or rejected with.
   *
   * @remarks Repair the listener.
   */
  readonly listenerFailed: { readonly event: string; readonly error: unknown };
}

/**
 * A listener for one of the events.
 *
 * @public
 */
export type TokenManagerListener<Name extends keyof TokenManagerEvents> = (
  event: TokenManagerEvents[Name],
) => void | Promise<void>;

const NAMES: readonly (keyof TokenManagerEvents)[] = [
  'refreshed',
  'refreshFailed',
  'recovered',
  'reauthorizationRequired',
  'delivered',
  'deliveryFailed',
  'authorized',
  'unauthorized',
  'verifyTicketMissing',
  'storeUnavailable',
  'storeAvailable',
  'storeReplaced',
  'recordQuarantined',
  'listenerFailed',
];

/**
 * Returns the part of an event that names its token. The field `subject` is present even if the token has no subject.
 */
export function tokenEvent({ appid, type, subject }: TokenKey): TokenEvent {
  return { appid, type, subject };
}

interface Guarded {
  readonly listener: unknown;
  readonly call: (event: unknown) => void;
}

/**
 * Emits events, and isolates the manager from failures of listeners: a listener that throws or rejects causes a
 * `listenerFailed` event.
 */
export class Events {
  readonly #emitter = new EventEmitter<Record<string, [unknown]>>();
  readonly #guarded = new Map<string, Guarded[]>();

  on<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>): void {
    this.#add(name, listener, false);
  }

  once<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>): void {
    this.#add(name, listener, true);
  }

  off<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>): void {
    const last = this.#guarded.get(name)?.findLast((guarded) => guarded.listener === listener);
    if (last !== undefined) this.#remove(name, last);
  }

  emit<Name extends keyof TokenManagerEvents>(name: Name, event: TokenManagerEvents[Name]): void {
    this.#emitter.emit(name, event);
  }

  removeAll(): void {
    this.#emitter.removeAllListeners();
    this.#guarded.clear();
  }

  #add<Name extends keyof TokenManagerEvents>(name: Name, listener: TokenManagerListener<Name>, once: boolean): void {
    if (!NAMES.includes(name))
      throw new TypeError(`unknown event ${describeName(name)}, expected one of ${NAMES.join(', ')}`);
    if (typeof listener !== 'function') throw new TypeError(`a listener of ${name} must be a function`);
    const guarded: Guarded = {
      listener,
      call: (event) => {
        if (once) this.#remove(name, guarded);
        this.#call(name, listener, event as TokenManagerEvents[Name]);
      },
    };
    this.#guarded.set(name, [...(this.#guarded.get(name) ?? []), guarded]);
    this.#emitter.on(name, guarded.call);
  }

  #remove(name: string, guarded: Guarded): void {
    this.#guarded.set(
      name,
      (this.#guarded.get(name) ?? []).filter((other) => other !== guarded),
    );
    this.#emitter.off(name, guarded.call);
  }

  #call<Name extends keyof TokenManagerEvents>(
    name: Name,
    listener: TokenManagerListener<Name>,
    event: TokenManagerEvents[Name],
  ): void {
    const failed = (error: unknown): void => {
      if (name !== 'listenerFailed') this.emit('listenerFailed', { event: name, error });
    };
    try {
      const result = listener(event);
      if (result !== undefined) Promise.resolve(result).catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
