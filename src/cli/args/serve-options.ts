import type { ContractName } from '../../http/handler-options.js';
import type { MerchantPageOptions } from './merchant-page-options.js';
import type { StoreLocation } from './store-location.js';

/** The options of `serve`, from flags and environment, including the defaults. */
export interface ServeOptions extends MerchantPageOptions {
  readonly port: number;
  readonly host: string;
  readonly store: StoreLocation;
  readonly encryptionKeyFile: string | undefined;
  /** The limits of background refreshes, or `'never'` if other processes on the same store refresh the tokens. */
  readonly refresh: RefreshPace | 'never';
  /** The path of the file of API keys. */
  readonly keys: string | undefined;
  readonly trust: readonly string[];
  readonly anonymous: boolean;
  /** The names by which browsers may call the server. If there are any, every request without a key must use one of them. */
  readonly hostNames: readonly string[];
  /** The origins of WeChat's API. If there are none, WeChat's own are used. */
  readonly wechatOrigins: readonly string[];
  readonly proxy: string | undefined;
  readonly accessToken: 'stable' | 'plain' | undefined;
  readonly allowHosts: readonly string[];
  readonly publicCallbacksOnly: boolean;
  readonly notifySecretFile: string | undefined;
  readonly legacyTypeNumbers: boolean;
  /** The groups of routes that are answered. */
  readonly contracts: readonly ContractName[];
  /** Whether the pair of an unknown app is tried at WeChat, and the app registered if it is accepted. */
  readonly autoRegister: boolean;
  /** The types of the tasks that an authorizer gets. If there are none, the default of the library is used. */
  readonly authorizerTasks: readonly string[];
  /** Whether WeChat's check of a platform before its release is answered. */
  readonly releaseCheck: boolean;
  /** The limit of calls of WeChat in a second for an app. */
  readonly callsPerSecondOfApp: number | undefined;
  /** Whether every call of WeChat is logged, and not only those that fail. */
  readonly logCalls: boolean;
  /** The path of the file with the rules by which pushes are forwarded. */
  readonly forwardFile: string | undefined;
}

/** The limits of background refreshes that begin in a second, for all apps together and for each app. */
export interface RefreshPace {
  readonly maxPerSecond: number;
  readonly maxPerSecondOfApp: number;
}
