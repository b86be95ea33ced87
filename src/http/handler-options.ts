import { checkedCallbackOptions } from '../callbacks/create-callbacks.js';
import type { WebhookSecret } from '../callbacks/webhook-signature.js';
import {
  assertBoolean,
  assertFunction,
  assertMethods,
  mapMembers,
  readFields,
} from '../core/primitives/assert-options.js';
import { isArray } from '../core/primitives/foreign-objects.js';
import { describeKind, describeOption } from '../core/primitives/redact.js';
import type { CallReport } from '../gateway/call-report.js';
import type { ForwardRule } from '../platform/forwarding/forward-rule.js';
import type { PushReceiving } from '../platform/pushes/push-request.js';
import { type ApiKey, assertPerSecond } from './access/api-key.js';
import { checkedPublicUrl, checkedReturnUrl } from './contracts/platform/public-url.js';
import { assertPrefix } from './prefix.js';

/**
 * A group of routes: `scheduler` and `wetoken` are those of two older servers, `native` is this library's own, with
 * health checks, `wechat` is WeChat's own API for SDKs whose base URL is changed, `proxy` calls WeChat's API for programs that
 * have no token, and `push` receives what WeChat pushes.
 *
 * @public
 */
export type ContractName = 'scheduler' | 'wetoken' | 'native' | 'wechat' | 'proxy' | 'push';

/**
 * The options of `createHandler(manager, options)`. At least one of `keys`, `trust` and `anonymous` is required.
 *
 * @public
 */
export interface HandlerOptions {
  /**
   * The groups of routes that are answered.
   *
   * @defaultValue `['scheduler']`
   * @bounds at least one of `'scheduler'`, `'wetoken'`, `'native'`, `'wechat'`, `'proxy'` and `'push'`
   */
  readonly contracts?: readonly ContractName[];
  /**
   * The path below which the routes are, where the host does not take the prefix away.
   *
   * @defaultValue `''`
   * @bounds a path like `'/wechat'`, without a slash at its end
   */
  readonly prefix?: string;
  /** The keys that let callers in: hashed, or the path of a file with them, which is read again when it changes. */
  readonly keys?: readonly ApiKey[] | string;
  /**
   * The clients that may read and register without a key, by the address of the connection. Headers never count.
   *
   * @bounds addresses and networks (CIDR)
   */
  readonly trust?: readonly string[];
  /**
   * Whether every caller may do everything.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly anonymous?: boolean;
  /**
   * The names by which this server may be called.
   *
   * Without a key, a browser is answered only when it calls the server by one of them, by an IP address or by `localhost`. With
   * at least one name that holds for every request without a key, and keeps out browsers that pass for another program.
   *
   * @bounds names such as `tokens.example.com`, without scheme and port
   */
  readonly hostNames?: readonly string[];
  /**
   * Whether type 1 is `oauth2_access_token` and 2 `jsapi_ticket`, as the original has them, in `scheduler` and in the URLs of
   * callbacks.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly legacyTypeNumbers?: boolean;
  /**
   * The only hosts that `params`, `notify` and `forward` may lead to, as in {@link CallbackRules}.
   *
   * @defaultValue any host
   */
  readonly allowHosts?: readonly string[];
  /**
   * Whether private and loopback addresses are refused as targets of `params`, `notify` and `forward`.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly publicOnly?: boolean;
  /**
   * The secret that signs what is sent to the targets of `notify` and `forward`, as in {@link CallbackOptions}.
   *
   * @defaultValue not signed
   */
  readonly notifySecret?: WebhookSecret | readonly WebhookSecret[];
  /**
   * The number of calls of WeChat's API that `wechat` and `proxy` make in a second for one app, in this process.
   *
   * @defaultValue any number
   * @bounds 0.01 to 1,000,000
   */
  readonly callsPerSecondOfApp?: number;
  /**
   * Whether `wechat` registers an unknown app whose pair of appid and secret WeChat accepts, for callers that may register.
   *
   * The pair is tried with `stable_token` in normal mode, which ends no token. One pair a second and 100 a day are tried by a
   * process. In the same way a new secret replaces the stored one.
   *
   * @defaultValue `false`
   * @bounds `true` or `false`
   */
  readonly autoRegister?: boolean;
  /**
   * The receiver of pushes, made by `createPushReceiver` of the same manager, whose functions handle messages and events.
   *
   * @defaultValue one without such functions
   */
  readonly push?: PushReceiving;
  /**
   * The types of the tasks that are registered for an account when it authorizes a third-party platform, where `push` is absent:
   * `createPushReceiver` has the same option. Existing tasks stay as they are.
   *
   * @defaultValue `['authorizer_access_token']`
   * @bounds types of the manager
   */
  readonly authorizerTasks?: readonly string[];
  /**
   * Whether WeChat's check of a platform before its release (全网发布检测) is answered, where `push` is absent: a receiver that
   * was made has its own option.
   *
   * @defaultValue `true`
   * @bounds `true` or `false`
   */
  readonly releaseCheck?: boolean;
  /**
   * The rules by which pushes are forwarded, as in `createPushReceiver`, where `push` is not given: a receiver has rules
   * of its own.
   *
   * @defaultValue nothing is forwarded
   * @bounds at most 1,000 rules, with the contract `'push'`
   */
  readonly forward?: readonly ForwardRule[];
  /**
   * The URL under which browsers reach these routes, with the prefix, if there is one: `https://platform.example.com`. With it
   * `push` has the pages at which merchants authorize a platform, below `/platform`. The header `Host` of a request is not used,
   * since its sender chooses it, and WeChat would send the merchant's code to that host.
   *
   * @defaultValue there are no such pages
   * @bounds an http or https URL without credentials, query and fragment
   */
  readonly publicUrl?: string;
  /**
   * The page to which a merchant is sent when an authorization is complete.
   *
   * @defaultValue a page that says so
   * @bounds an http or https URL without credentials
   */
  readonly returnUrl?: string;
  /**
   * Receives the outcome of each call of WeChat's API.
   *
   * @defaultValue nothing
   */
  readonly onCall?: (report: CallReport) => void;
  /**
   * Receives errors that are no failure of a request: a defect behind an answer 500, a file of keys that cannot be read any
   * more.
   *
   * @defaultValue a warning of the process
   */
  readonly onError?: (error: Error) => void;
}

export const CONTRACT_NAMES: readonly ContractName[] = ['scheduler', 'wetoken', 'native', 'wechat', 'proxy', 'push'];

const NAMES = [
  'contracts',
  'prefix',
  'keys',
  'trust',
  'anonymous',
  'hostNames',
  'legacyTypeNumbers',
  'allowHosts',
  'publicOnly',
  'notifySecret',
  'callsPerSecondOfApp',
  'autoRegister',
  'push',
  'authorizerTasks',
  'releaseCheck',
  'forward',
  'publicUrl',
  'returnUrl',
  'onCall',
  'onError',
] as const satisfies readonly (keyof HandlerOptions)[];

/** The options of a receiver of pushes, for which a receiver that is given as `push` has its own. */
const RECEIVER_OPTIONS = [
  'authorizerTasks',
  'releaseCheck',
  'forward',
] as const satisfies readonly (keyof HandlerOptions)[];

/**
 * Returns a copy of the options, in which each was read once and the contracts are a list of their own.
 *
 * @throws TypeError naming the option, what it must be and the given value.
 */
export function checkedHandlerOptions(options: HandlerOptions): HandlerOptions {
  const fields = readFields<HandlerOptions>(options, NAMES, 'the options of createHandler');
  const { prefix, legacyTypeNumbers, allowHosts, publicOnly, notifySecret, callsPerSecondOfApp } = fields;
  const { autoRegister, releaseCheck } = fields;
  const contracts = fields.contracts === undefined ? undefined : checkedContracts(fields.contracts);
  if (prefix !== undefined) assertPrefix(prefix);
  checkedCallbackOptions({ legacyTypeNumbers, allowHosts, publicOnly, notifySecret });
  if (callsPerSecondOfApp !== undefined) assertPerSecond(callsPerSecondOfApp, 'callsPerSecondOfApp');
  assertBoolean('autoRegister', autoRegister);
  assertBoolean('releaseCheck', releaseCheck);
  if (fields.push !== undefined) {
    assertMethods('push', fields.push, ['receive']);
    for (const name of RECEIVER_OPTIONS) {
      if (fields[name] !== undefined) throw new TypeError(`${name} is an option of the receiver given as push`);
    }
  }
  if (fields.forward !== undefined && contracts?.includes('push') !== true) {
    throw new TypeError("forward needs 'push' among the contracts");
  }
  for (const name of ['onCall', 'onError'] as const) assertFunction(name, fields[name]);
  const { publicUrl, returnUrl } = fields;
  return {
    ...fields,
    ...(contracts !== undefined && { contracts }),
    ...(publicUrl !== undefined && { publicUrl: checkedPublicUrl(publicUrl) }),
    ...(returnUrl !== undefined && { returnUrl: checkedReturnUrl(returnUrl) }),
  };
}

function checkedContracts(contracts: unknown): readonly ContractName[] {
  if (!isArray(contracts) || contracts.length === 0) {
    throw new TypeError(`contracts must be an array of ${CONTRACT_NAMES.join(', ')}, got ${describeKind(contracts)}`);
  }
  return mapMembers(contracts, 'contracts', (name) => {
    if (CONTRACT_NAMES.includes(name as ContractName)) return name as ContractName;
    throw new TypeError(`contracts: unknown ${describeOption(name)}, expected one of ${CONTRACT_NAMES.join(', ')}`);
  });
}
