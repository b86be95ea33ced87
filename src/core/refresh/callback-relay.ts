import type { CallbackPort } from '../model/callback-port.js';
import type { Closing } from '../model/closing.js';
import { TokenError } from '../model/errors.js';
import type { Lease } from '../model/store.js';
import type { TokenKey } from '../model/token-key.js';
import type { JsonObject } from '../primitives/json.js';
import type { SupervisedStore } from '../store/supervised-store.js';

/**
 * Forwards events of tasks to the callbacks of a manager once they are attached. Until then no URL is asked or
 * notified.
 */
export class CallbackRelay implements Omit<CallbackPort, 'typeNumbers' | 'assertUrl'> {
  readonly #store: SupervisedStore;
  readonly #closing: Closing;
  #attached: CallbackPort | undefined;
  #isStarted = false;

  constructor(store: SupervisedStore, closing: Closing) {
    this.#store = store;
    this.#closing = closing;
  }

  /** Returns the callbacks, if any are attached. */
  get attached(): CallbackPort | undefined {
    return this.#attached;
  }

  /**
   * Attaches the callbacks.
   *
   * @throws TypeError if callbacks are attached already, a `TokenError` with code `CLOSED`.
   */
  attach(callbacks: CallbackPort): void {
    if (this.#attached !== undefined) throw new TypeError('callbacks are attached to this manager already');
    this.#closing.assertOpen();
    this.#attached = callbacks;
    if (this.#isStarted) callbacks.start();
  }

  /**
   * Asks a URL for params.
   *
   * @throws a `TokenError`: the error of the attached callbacks, or `INPUT_MISSING` without callbacks.
   */
  async askParams(url: string, key: TokenKey, signal: AbortSignal): Promise<JsonObject> {
    if (this.#attached !== undefined) return this.#attached.askParams(url, key, signal);
    const message = 'the params of this task are a URL, and no callbacks are attached in this process';
    throw new TokenError('INPUT_MISSING', message, key);
  }

  /** Starts the callbacks now, or as soon as they are attached. */
  start(): void {
    this.#isStarted = true;
    this.#attached?.start();
  }

  taskChanged(key: TokenKey): void {
    this.#attached?.taskChanged(key);
  }

  taskRemoved(key: TokenKey): void {
    this.#attached?.taskRemoved(key);
  }

  async deliver(key: TokenKey, lease: Lease): Promise<void> {
    await (this.#attached?.deliver(key, lease) ?? this.#store.release(lease));
  }

  async stop(): Promise<void> {
    await this.#attached?.stop();
  }
}
