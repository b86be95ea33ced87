import { engineOf } from '../core/engine/engine-of.js';
import type { CallbackPort } from '../core/model/callback-port.js';
import { mapMembers, readFields } from '../core/primitives/assert-options.js';
import { isArray } from '../core/primitives/foreign-objects.js';
import { describeKind } from '../core/primitives/redact.js';
import { assertCallbackRules, type CallbackRules, parseCallbackUrl } from './callback-url.js';
import { TypeNumbers } from './contract-type-numbers.js';
import { Deliveries } from './deliveries.js';
import { GuardedRequests } from './guarded-request.js';
import { ParamsUrls } from './params-urls.js';
import { appSecretOf, type WebhookSecret } from './webhook-signature.js';

/**
 * The options of `createCallbacks(manager, options)`.
 *
 * @public
 */
export interface CallbackOptions extends CallbackRules {
  /**
   * The secret that signs notifications; each app has one of its own, which {@link appSecretOf} derives from it. Give a list
   * while receivers change from one to the other.
   *
   * @defaultValue not signed
   */
  readonly notifySecret?: WebhookSecret | readonly WebhookSecret[] | undefined;
  /**
   * Whether type 1 is `oauth2_access_token` and 2 `jsapi_ticket` in the URLs of callbacks.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly legacyTypeNumbers?: boolean | undefined;
}

const NAMES = ['publicOnly', 'allowHosts', 'notifySecret', 'legacyTypeNumbers'] as const;

/**
 * Lets tasks of a manager have URLs: `params`, which are asked for what a refresh needs, and `notify`, which are notified of
 * every new token. `createHandler` calls it automatically. Both end with the manager.
 *
 * @param manager - a `TokenManager`, with no callbacks yet.
 * @throws TypeError for options that are none, and for a manager that has callbacks.
 *
 * @example
 * ```ts
 * createCallbacks(tokens, { notifySecret: process.env.NOTIFY_SECRET });
 * await tokens.register({ appid, secret, tasks: [{ type: 'access_token', notify: 'https://shop.example/wechat' }] });
 * ```
 *
 * @public
 */
export function createCallbacks(manager: object, options: CallbackOptions = {}): void {
  const given = readFields<CallbackOptions>(options, NAMES, 'the options of createCallbacks');
  const { notifySecrets, legacyTypeNumbers = false, ...rules } = checkedCallbackOptions(given);
  const engine = engineOf(manager);
  const { store, clock, reader, documents, registry, records, events, closing } = engine;
  const core = { store, clock, reader, documents, registry, records, events, closing };
  const typeNumbers = new TypeNumbers(legacyTypeNumbers);
  // Params requests have their own queue, so that a refresh never waits behind deliveries to the same host.
  const paramsRequests = new GuardedRequests({ ...rules, clock });
  const paramsUrls = new ParamsUrls(paramsRequests, typeNumbers, clock);
  const requests = new GuardedRequests({ ...rules, clock });
  const deliveries = new Deliveries({ ...core, requests, typeNumbers, secrets: notifySecrets });
  const port: CallbackPort = {
    typeNumbers: legacyTypeNumbers ? 'legacy' : 'standard',
    assertUrl: (name, url) => assertUrl(name, url, rules),
    askParams: (url, key, signal) => paramsUrls.ask(url, key, signal),
    start: () => deliveries.start(),
    taskChanged: (key) => deliveries.taskChanged(key),
    taskRemoved: (key) => deliveries.taskRemoved(key),
    deliver: (key, lease) => deliveries.deliver(key, lease),
    async stop() {
      await Promise.all([paramsRequests.close(), deliveries.stop().then(() => requests.close())]);
    },
  };
  engine.attach(port);
}

interface CheckedCallbackOptions extends CallbackRules {
  readonly notifySecrets: readonly WebhookSecret[];
  readonly legacyTypeNumbers?: boolean | undefined;
}

/**
 * Returns the options with copies of the lists and secrets, so that later changes by the caller have no effect.
 *
 * @throws TypeError naming the option, without any part of a secret.
 */
export function checkedCallbackOptions(options: CallbackOptions): CheckedCallbackOptions {
  const { publicOnly, legacyTypeNumbers, notifySecret } = options;
  const allowHosts = options.allowHosts && mapMembers(options.allowHosts, 'allowHosts', (host) => host as string);
  assertCallbackRules({ publicOnly, allowHosts });
  if (legacyTypeNumbers !== undefined && typeof legacyTypeNumbers !== 'boolean') {
    throw new TypeError(`legacyTypeNumbers must be a boolean, got ${describeKind(legacyTypeNumbers)}`);
  }
  return { publicOnly, allowHosts, legacyTypeNumbers, notifySecrets: secretsIn(notifySecret) };
}

function secretsIn(given: unknown): readonly WebhookSecret[] {
  if (given === undefined) return [];
  return isArray(given) ? mapMembers(given, 'notifySecret', checkedSecret) : [checkedSecret(given)];
}

function checkedSecret(secret: unknown): WebhookSecret {
  try {
    appSecretOf(secret as WebhookSecret, '');
  } catch (error) {
    throw new TypeError(`notifySecret: ${(error as TypeError).message}`);
  }
  return typeof secret === 'string' ? secret : Uint8Array.from(secret as Uint8Array);
}

function assertUrl(name: string, url: string, rules: CallbackRules): void {
  try {
    parseCallbackUrl(url, rules);
  } catch (error) {
    throw new TypeError(`${name}: ${(error as TypeError).message}`);
  }
}
