import { checkedCallbackOptions } from '../callbacks/create-callbacks.js';
import type { WebhookSecret } from '../callbacks/webhook-signature.js';
import { mapMembers, readFields } from '../core/primitives/assert-options.js';
import { isArray } from '../core/primitives/foreign-objects.js';
import { describeKind, describeOption, describeValue } from '../core/primitives/redact.js';
import type { ApiKey } from './access/api-key.js';

/**
 * A group of routes: `scheduler` and `wetoken` are those of two older servers, `native` is this library's own, with
 * health checks.
 *
 * @public
 */
export type ContractName = 'scheduler' | 'wetoken' | 'native';

/**
 * @public
 */
export interface HandlerOptions {
  /** The groups of routes that are answered. Default: `['scheduler']`. */
  readonly contracts?: readonly ContractName[];
  /** The path below which the routes are, where the host does not take the prefix away: `'/wechat'`. Default: `''`. */
  readonly prefix?: string;
  /** The keys that let callers in: hashed, or the path of a file with them, which is read again when it changes. */
  readonly keys?: readonly ApiKey[] | string;
  /** Addresses and networks (CIDR) whose connections may read and register without a key. Never goes by headers. */
  readonly trust?: readonly string[];
  /** Lets every caller do everything. Default: false. */
  readonly anonymous?: boolean;
  /**
   * The names by which this server may be called, such as `tokens.example.com`, without scheme and port. Without a key, a
   * browser is answered only when it calls the server by one of them, by an IP address or by `localhost`. With at least one name
   * that holds for every request without a key, and keeps out browsers that pass for another program. Default: none.
   */
  readonly hostNames?: readonly string[];
  /**
   * In `scheduler` and in the URLs of callbacks, type 1 is `oauth2_access_token` and 2 `jsapi_ticket`, as the original has
   * them. Default: false.
   */
  readonly legacyTypeNumbers?: boolean;
  /** The only hosts that `params` and `notify` may lead to, as in `createCallbacks`. Default: any. */
  readonly allowHosts?: readonly string[];
  /** Refuses private and loopback addresses as targets of `params` and `notify`. Default: false. */
  readonly publicOnly?: boolean;
  /** Signs what targets of `notify` are told, as in `createCallbacks`. Default: not signed. */
  readonly notifySecret?: WebhookSecret | readonly WebhookSecret[];
  /**
   * Told of what is no failure of a request: a defect behind an answer 500, a file of keys that cannot be read any more.
   * Default: a warning of the process.
   */
  readonly onError?: (error: Error) => void;
}

const CONTRACT_NAMES: readonly ContractName[] = ['scheduler', 'wetoken', 'native'];

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
  'onError',
] as const satisfies readonly (keyof HandlerOptions)[];
const PREFIX = /^(?:\/[\w.~-]+)*$/;

/**
 * Returns the options, each read once, with the contracts in a list of their own.
 *
 * @throws TypeError naming the option, what it must be and what came.
 */
export function checkedHandlerOptions(options: HandlerOptions): HandlerOptions {
  const fields = readFields<HandlerOptions>(options, NAMES, 'the options of createHandler');
  const { prefix, legacyTypeNumbers, allowHosts, publicOnly, notifySecret, onError } = fields;
  const contracts = fields.contracts === undefined ? undefined : checkedContracts(fields.contracts);
  if (prefix !== undefined && (typeof prefix !== 'string' || !PREFIX.test(prefix))) {
    throw new TypeError(
      `prefix must be '' or a path like '/wechat', without a slash at its end, got ${describeValue(prefix)}`,
    );
  }
  checkedCallbackOptions({ legacyTypeNumbers, allowHosts, publicOnly, notifySecret });
  if (onError !== undefined && typeof onError !== 'function') {
    throw new TypeError(`onError must be a function, got ${describeKind(onError)}`);
  }
  return { ...fields, ...(contracts !== undefined && { contracts }) };
}

function checkedContracts(contracts: unknown): readonly ContractName[] {
  if (!isArray(contracts) || contracts.length === 0) {
    throw new TypeError(`contracts must be an array of ${CONTRACT_NAMES.join(', ')}, got ${describeKind(contracts)}`);
  }
  return mapMembers(contracts, 'contracts', (name) => {
    if (CONTRACT_NAMES.includes(name as ContractName)) return name as ContractName;
    throw new TypeError(`contracts: there is no ${describeOption(name)}, only ${CONTRACT_NAMES.join(', ')}`);
  });
}
