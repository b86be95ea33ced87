import type { OptionSpec } from './option.js';

export const HELP: OptionSpec = { name: 'help', short: 'h', help: 'show this help' };
export const VERSION: OptionSpec = { name: 'version', short: 'v', help: 'show the version' };
export const JSON_OUTPUT: OptionSpec = { name: 'json', help: 'answer with JSON' };

export const URL_OPTION: OptionSpec = {
  name: 'url',
  value: 'url',
  fallback: 'http://127.0.0.1:9001',
  variable: true,
  help: 'the URL of the server',
};
export const KEY_FILE: OptionSpec = {
  name: 'key-file',
  value: 'file',
  variable: true,
  help: 'contains the API key, instead of the variable WECHAT_TOKENS_KEY',
};
export const SUBJECT: OptionSpec = {
  name: 'subject',
  value: 'name',
  help: 'the subject of the token: an openid, or the appid of an authorizer',
};
/** The options of every command that sends requests to a server. */
export const CLIENT_OPTIONS: readonly OptionSpec[] = [URL_OPTION, KEY_FILE, JSON_OUTPUT];

export const STALE_FILE: OptionSpec = {
  name: 'stale-file',
  value: 'file',
  help: 'contains the token that WeChat rejected; refreshes only if it is still the current one; - is standard input',
};
export const FROM_FILE: OptionSpec = {
  name: 'from-file',
  value: 'file',
  help: 'contains the grant as JSON, instead of standard input; - is standard input',
};
export const STATE: OptionSpec = {
  name: 'state',
  value: 'state',
  many: true,
  help: 'only tasks that are fresh, due, expired, missing or waiting (any)',
};
export const APPS: OptionSpec = {
  name: 'apps',
  help: "the apps instead of the tasks, with WeChat's pushes to them",
};
export const TASK: OptionSpec = {
  name: 'task',
  value: 'type',
  many: true,
  help: 'a type to keep fresh, like access_token; an existing task of this type is replaced',
};
export const PARAMS: OptionSpec = {
  name: 'params',
  value: 'url',
  help: 'a URL that provides the params for a refresh of the tasks',
};
export const NOTIFY: OptionSpec = {
  name: 'notify',
  value: 'url',
  help: 'a URL that is notified of every new token of the tasks',
};
export const APP_ACCESS_TOKEN: OptionSpec = {
  name: 'access-token',
  value: 'mode',
  help: 'stable or plain, for this app',
};
export const SECRET_FILE: OptionSpec = {
  name: 'secret-file',
  value: 'file',
  variable: true,
  help: "contains the app's secret, instead of the variable WECHAT_TOKENS_SECRET or standard input; - is standard input",
};
export const PUSH_FILE: OptionSpec = {
  name: 'push-file',
  value: 'file',
  help: "contains the token and the key of WeChat's pushes to the app, as JSON",
};
export const AUTHORIZERS: OptionSpec = {
  name: 'authorizers',
  help: 'with all accounts that have authorized the app as a third-party platform',
};
export const DESCRIBE: OptionSpec = {
  name: 'describe',
  help: 'ask WeChat for the names of the accounts that have none yet, one request for each',
};

export const SCOPE: OptionSpec = {
  name: 'scope',
  value: 'scope',
  many: true,
  help: 'what the key may do: read, refresh, register, call (read)',
};
export const APPID: OptionSpec = {
  name: 'appid',
  value: 'appid',
  many: true,
  help: 'an app that the key may be used for (all)',
};
export const PATH: OptionSpec = {
  name: 'path',
  value: 'path',
  many: true,
  help: 'a path of WeChat, like /cgi-bin/message/, that a key with the scope call may call (all)',
};
export const PER_SECOND: OptionSpec = {
  name: 'per-second',
  value: 'number',
  help: 'the maximum number of requests per second with the key (unlimited)',
};
export const NOTE: OptionSpec = { name: 'note', value: 'text', help: 'a note on the key, such as its owner' };
export const EXPIRES: OptionSpec = {
  name: 'expires',
  value: 'duration',
  help: 'how long the key is valid, like 90d or 12h (forever)',
};

export const FAKE_PORT: OptionSpec = {
  name: 'port',
  short: 'p',
  value: 'number',
  fallback: '9101',
  help: 'the port to listen on; 0 picks a free one',
};
export const FAKE_HOST: OptionSpec = {
  name: 'host',
  value: 'address',
  fallback: '127.0.0.1',
  help: 'the address to listen on',
};
export const LIFE_SECONDS: OptionSpec = {
  name: 'life-seconds',
  value: 'number',
  fallback: '7200',
  help: 'the lifetime of its tokens',
};
