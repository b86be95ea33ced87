import type { ServeOptions } from '../../../src/cli/args/serve-options.js';
import type { DirectoryLocation } from '../../../src/cli/args/store-location.js';

export function directoryStore(path: string): DirectoryLocation {
  return { kind: 'directory', path, shown: path };
}

/** The defaults of `serve`, except for the port. */
export const SERVE_OPTIONS: ServeOptions = {
  port: 0,
  host: '127.0.0.1',
  store: directoryStore('./wechat-tokens'),
  encryptionKeyFile: undefined,
  refresh: { maxPerSecond: 300, maxPerSecondOfApp: 160 },
  keys: undefined,
  trust: [],
  anonymous: false,
  hostNames: [],
  wechatOrigins: [],
  proxy: undefined,
  accessToken: undefined,
  allowHosts: [],
  publicCallbacksOnly: false,
  notifySecretFile: undefined,
  legacyTypeNumbers: false,
  contracts: ['scheduler', 'wetoken', 'native', 'wechat', 'proxy', 'push'],
  autoRegister: false,
  authorizerTasks: [],
  releaseCheck: true,
  callsPerSecondOfApp: undefined,
  logCalls: false,
  forwardFile: undefined,
  publicUrl: undefined,
  returnUrl: undefined,
};
