import type { ServeOptions } from '../../src/cli/serve-options.js';

/** What `serve` is told when nobody says anything, but for the port. */
export const SERVE_OPTIONS: ServeOptions = {
  port: 0,
  host: '127.0.0.1',
  store: 'wechat-tokens',
  encryptionKeyFile: undefined,
  keys: undefined,
  trust: [],
  anonymous: false,
  wechatOrigins: [],
  proxy: undefined,
  accessToken: undefined,
  allowHosts: [],
  publicCallbacksOnly: false,
  notifySecretFile: undefined,
  legacyTypeNumbers: false,
};
