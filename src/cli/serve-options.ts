import type { StoreLocation } from './store-location.js';

/** What `serve` was told, by flags and environment, with the defaults filled in. */
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

/** How many background refreshes are begun in a second. */
export interface RefreshPace {
  readonly maxPerSecond: number;
  readonly maxPerSecondOfApp: number;
}

/** Somewhere to write text to; a terminal says so, and how wide it is. */
export interface TextOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** The number of bytes that wait in memory until they can be written. */
  readonly writableLength?: number;
}

/** Where text comes from; a terminal can be asked not to show what is typed. */
export interface TextInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
  setRawMode?(mode: boolean): unknown;
}

/** What a command may know of its process. */
export interface CommandIo {
  /** The file of the command itself. */
  readonly script: string;
  readonly stdin: TextInput;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly env: NodeJS.ProcessEnv;
}
