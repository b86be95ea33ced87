import { MERCHANT_PAGE_OPTIONS } from './merchant-page-options.js';
import type { OptionSpec } from './option.js';
import { PUSH_OPTIONS } from './push-options.js';

export const PORT: OptionSpec = {
  name: 'port',
  short: 'p',
  value: 'number',
  fallback: '9001',
  variable: true,
  help: 'the port to listen on; 0 picks a free one',
};
export const HOST: OptionSpec = {
  name: 'host',
  value: 'address',
  fallback: '127.0.0.1',
  variable: true,
  help: 'the address to listen on',
};
export const STORE: OptionSpec = {
  name: 'store',
  value: 'place',
  fallback: './wechat-tokens',
  variable: true,
  help: 'where apps, tasks and tokens are stored: a directory, or the URL of a database that servers share; give a URL with a password in the variable',
};
export const STORE_FILE: OptionSpec = {
  name: 'store-file',
  value: 'file',
  variable: true,
  help: 'contains the value of --store, such as a URL with a password',
};
export const REFRESH: OptionSpec = {
  name: 'refresh',
  value: 'when',
  fallback: 'due',
  variable: true,
  help: 'due, or never for a server that only reads what others on the same store refresh',
};
export const MAX_PER_SECOND: OptionSpec = {
  name: 'max-per-second',
  value: 'number',
  fallback: '300',
  variable: true,
  help: 'the maximum number of background refreshes that all servers on one database start per second',
};
export const MAX_PER_SECOND_OF_APP: OptionSpec = {
  name: 'max-per-second-of-app',
  value: 'number',
  fallback: '160',
  variable: true,
  help: 'the same limit for each app',
};
export const ENCRYPTION_KEY_FILE: OptionSpec = {
  name: 'encryption-key-file',
  value: 'file',
  variable: true,
  help: 'encrypts the store; one key a line, the first encrypts, all of them decrypt',
};
export const KEYS: OptionSpec = {
  name: 'keys',
  value: 'file',
  variable: true,
  help: 'hashed API keys, one of which callers must send; created with "keys add"',
};
export const TRUST: OptionSpec = {
  name: 'trust',
  value: 'address',
  many: true,
  variable: true,
  help: 'an address, or a network like 10.0.0.0/8, that may read and register without a key',
};
export const ANONYMOUS: OptionSpec = {
  name: 'anonymous',
  variable: true,
  help: 'disables authentication: anyone who can connect may do everything',
};
export const HOST_NAME: OptionSpec = {
  name: 'host-name',
  value: 'name',
  many: true,
  variable: true,
  help: 'a name of the server; once one is given, requests without a key must use such a name or an address',
};
export const WECHAT_ORIGIN: OptionSpec = {
  name: 'wechat-origin',
  value: 'url',
  many: true,
  variable: true,
  help: "the origin of WeChat's API; the next one is used only when the previous one gives no answer or a 5xx (https://api.weixin.qq.com)",
};
export const PROXY: OptionSpec = {
  name: 'proxy',
  value: 'url',
  variable: true,
  help: 'an http or https proxy for requests to WeChat; give a URL with a password in the variable',
};
export const ACCESS_TOKEN: OptionSpec = {
  name: 'access-token',
  value: 'mode',
  variable: true,
  help: 'stable or plain, for apps that are registered without one (stable)',
};
export const ALLOW_HOST: OptionSpec = {
  name: 'allow-host',
  value: 'host',
  many: true,
  variable: true,
  help: 'a host that params, notify and forwarded pushes may lead to, like *.example.com (any)',
};
export const PUBLIC_CALLBACKS_ONLY: OptionSpec = {
  name: 'public-callbacks-only',
  variable: true,
  help: 'refuses params, notify and rules of forwarding that lead to private and loopback addresses',
};
export const NOTIFY_SECRET_FILE: OptionSpec = {
  name: 'notify-secret-file',
  value: 'file',
  variable: true,
  help: 'contains the secret that signs what is sent to the targets of notify and of forwarded pushes',
};
export const LEGACY_TYPE_NUMBERS: OptionSpec = {
  name: 'legacy-type-numbers',
  variable: true,
  help: 'type 1 is oauth2_access_token and 2 jsapi_ticket, as in the original',
};

export const CONTRACTS: OptionSpec = {
  name: 'contracts',
  value: 'list',
  variable: true,
  help: 'the groups of routes that are answered, separated by commas: scheduler, wetoken, native, wechat, proxy, push (all)',
};
export const AUTO_REGISTER: OptionSpec = {
  name: 'auto-register',
  variable: true,
  help: 'registers an app when a caller that may register asks for its token, and WeChat accepts the pair',
};
export const CALLS_PER_SECOND_OF_APP: OptionSpec = {
  name: 'proxy-per-second-of-app',
  value: 'number',
  variable: true,
  help: 'the limit of calls of WeChat that are made in a second for one app (any number)',
};
export const LOG_CALLS: OptionSpec = {
  name: 'log-calls',
  variable: true,
  help: 'logs every call of WeChat that is made for a program, not only those that fail',
};

export const SERVE_OPTIONS: readonly OptionSpec[] = [
  PORT,
  HOST,
  STORE,
  STORE_FILE,
  ENCRYPTION_KEY_FILE,
  REFRESH,
  MAX_PER_SECOND,
  MAX_PER_SECOND_OF_APP,
  KEYS,
  TRUST,
  ANONYMOUS,
  HOST_NAME,
  WECHAT_ORIGIN,
  PROXY,
  ACCESS_TOKEN,
  ALLOW_HOST,
  PUBLIC_CALLBACKS_ONLY,
  NOTIFY_SECRET_FILE,
  LEGACY_TYPE_NUMBERS,
  CONTRACTS,
  AUTO_REGISTER,
  CALLS_PER_SECOND_OF_APP,
  LOG_CALLS,
  ...PUSH_OPTIONS,
  ...MERCHANT_PAGE_OPTIONS,
];
