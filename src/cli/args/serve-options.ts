import type { StoreLocation } from './store-location.js';

/** The options of `serve`, from flags and environment, with the defaults filled in. */
export interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly store: StoreLocation;
  readonly encryptionKeyFile: string | undefined;
  /** `'never'`: others on the same store do it. */
  readonly refresh: RefreshPace | 'never';
  /** File of API keys. */
  readonly keys: string | undefined;
  readonly trust: readonly string[];
  readonly anonymous: boolean;
  /** The names by which browsers, and with any of them all that bring no key, may call the server. */
  readonly hostNames: readonly string[];
  /** Empty: WeChat's own. */
  readonly wechatOrigins: readonly string[];
  readonly proxy: string | undefined;
  readonly accessToken: 'stable' | 'plain' | undefined;
  readonly allowHosts: readonly string[];
  readonly publicCallbacksOnly: boolean;
  readonly notifySecretFile: string | undefined;
  readonly legacyTypeNumbers: boolean;
}

/** The most background refreshes that are begun in a second: of all apps, and of one. */
export interface RefreshPace {
  readonly maxPerSecond: number;
  readonly maxPerSecondOfApp: number;
}
