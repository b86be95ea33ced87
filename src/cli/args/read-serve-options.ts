import { assertCallbackRules } from '../../callbacks/callback-url.js';
import { describeName } from '../../core/primitives/redact.js';
import {
  MIN_PER_SECOND as LEAST_CALLS_PER_SECOND,
  MAX_PER_SECOND as MOST_CALLS_PER_SECOND,
} from '../../http/access/api-key.js';
import { HostNames } from '../../http/access/host-names.js';
import { TrustedPeers } from '../../http/access/trusted-peers.js';
import { CONTRACT_NAMES, type ContractName } from '../../http/handler-options.js';
import { parseOrigins, parseProxy } from '../../wechat/origins.js';
import { asUsage, UsageError } from '../failures/usage-error.js';
import { hostOf, portOf } from './address-options.js';
import { type MerchantPageOptions, merchantPageOptionsOf, PUBLIC_URL } from './merchant-page-options.js';
import type { OptionSpec } from './option.js';
import type { OptionValues } from './option-values.js';
import { AUTHORIZER_TASK, FORWARD_FILE, NO_RELEASE_CHECK } from './push-options.js';
import { assertReadableFile, readWholeFile } from './readable-file.js';
import {
  ACCESS_TOKEN,
  ALLOW_HOST,
  ANONYMOUS,
  AUTO_REGISTER,
  CALLS_PER_SECOND_OF_APP,
  CONTRACTS,
  ENCRYPTION_KEY_FILE,
  HOST,
  HOST_NAME,
  KEYS,
  LEGACY_TYPE_NUMBERS,
  LOG_CALLS,
  MAX_PER_SECOND,
  MAX_PER_SECOND_OF_APP,
  NOTIFY_SECRET_FILE,
  PORT,
  PROXY,
  PUBLIC_CALLBACKS_ONLY,
  REFRESH,
  STORE,
  STORE_FILE,
  TRUST,
  WECHAT_ORIGIN,
} from './serve-flags.js';
import type { RefreshPace, ServeOptions } from './serve-options.js';
import { type StoreLocation, storeLocation } from './store-location.js';

const MOST_PER_SECOND = 100_000;

/**
 * Validates the options as far as possible before anything is started.
 *
 * @throws UsageError naming the option, what it must be and the given value.
 */
export function readServeOptions(options: OptionValues): ServeOptions {
  const isAnonymous = options.isSet(ANONYMOUS);
  if (isAnonymous) assertNotIdle(options, ANONYMOUS, 'allows access without a key', [KEYS, TRUST]);
  return {
    port: portOf(options, PORT),
    host: hostOf(options, HOST),
    store: storeOf(options),
    encryptionKeyFile: fileOf(options, ENCRYPTION_KEY_FILE),
    refresh: refreshOf(options),
    keys: fileOf(options, KEYS),
    trust: checkedList(options, TRUST, (text) => void new TrustedPeers([text])),
    anonymous: isAnonymous,
    hostNames: checkedList(options, HOST_NAME, (text) => void new HostNames([text])),
    wechatOrigins: checkedList(options, WECHAT_ORIGIN, (text) => void parseOrigins([text])),
    proxy: proxyOf(options),
    accessToken: options.choice(ACCESS_TOKEN, ['stable', 'plain']),
    allowHosts: checkedList(options, ALLOW_HOST, (text) => assertCallbackRules({ allowHosts: [text] })),
    publicCallbacksOnly: options.isSet(PUBLIC_CALLBACKS_ONLY),
    notifySecretFile: fileOf(options, NOTIFY_SECRET_FILE),
    legacyTypeNumbers: options.isSet(LEGACY_TYPE_NUMBERS),
    contracts: contractsOf(options),
    autoRegister: isSetFor(options, AUTO_REGISTER, 'wechat'),
    authorizerTasks: authorizerTasksOf(options),
    releaseCheck: !isSetFor(options, NO_RELEASE_CHECK, 'push'),
    callsPerSecondOfApp: options.number(CALLS_PER_SECOND_OF_APP, LEAST_CALLS_PER_SECOND, MOST_CALLS_PER_SECOND),
    logCalls: options.isSet(LOG_CALLS),
    forwardFile: forwardFileOf(options),
    ...pagesOf(options),
  };
}

/** Refuses options that have no effect because of another one, since their user expects an effect. */
function assertNotIdle(options: OptionValues, cause: OptionSpec, what: string, others: readonly OptionSpec[]): void {
  const other = others.find((option) => options.given(option) !== undefined);
  if (other === undefined) return;
  const [source, idle] = [options.sourceOf(cause), options.sourceOf(other)];
  throw new UsageError(`${source} ${what}, so that ${idle} would have no effect: omit one of them`);
}

/** Returns the contracts of the list; all of them by default. */
function contractsOf(options: OptionValues): readonly ContractName[] {
  const given = options.given(CONTRACTS);
  if (given === undefined) return CONTRACT_NAMES;
  const names = given.text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !CONTRACT_NAMES.includes(name as ContractName));
  if (unknown === undefined) return [...new Set(names as ContractName[])];
  throw new UsageError(
    `${given.source} must be a list of ${CONTRACT_NAMES.join(', ')}, separated by commas, got ${describeName(unknown)}`,
  );
}

/** Returns whether an option is set, which has an effect in one contract only. */
function isSetFor(options: OptionValues, option: OptionSpec, contract: ContractName): boolean {
  const isOn = options.isSet(option);
  if (isOn) assertServes(options, contract, option);
  return isOn;
}

function authorizerTasksOf(options: OptionValues): readonly string[] {
  const types = options.list(AUTHORIZER_TASK).map(({ text }) => text);
  if (types.length > 0) assertServes(options, 'push', AUTHORIZER_TASK);
  return types;
}

function forwardFileOf(options: OptionValues): string | undefined {
  const file = fileOf(options, FORWARD_FILE);
  if (file !== undefined) assertServes(options, 'push', FORWARD_FILE);
  return file;
}

function pagesOf(options: OptionValues): MerchantPageOptions {
  if (options.given(PUBLIC_URL) !== undefined) assertServes(options, 'push', PUBLIC_URL);
  return merchantPageOptionsOf(options);
}

/** Refuses an option of a contract that is not served, since its user expects an effect. */
function assertServes(options: OptionValues, contract: ContractName, option: OptionSpec): void {
  if (contractsOf(options).includes(contract)) return;
  const [source, contracts] = [options.sourceOf(option), options.sourceOf(CONTRACTS)];
  throw new UsageError(
    `${source} is for the contract ${contract}, which ${contracts} leaves out: add it, or leave out ${source}`,
  );
}

function fileOf(options: OptionValues, option: OptionSpec): string | undefined {
  const given = options.given(option);
  if (given !== undefined) assertReadableFile(given);
  return given?.text;
}

function storeOf(options: OptionValues): StoreLocation {
  const file = options.given(STORE_FILE);
  if (file === undefined)
    return storeLocation({ source: options.sourceOf(STORE), text: options.text(STORE) as string });
  assertNotIdle(options, STORE_FILE, 'gives the store', [STORE]);
  const text = readWholeFile(file).trim();
  if (/^[^\r\n]+$/.test(text)) return storeLocation({ source: file.source, text });
  throw new UsageError(`${file.source} must contain one line, a directory or a URL`);
}

function refreshOf(options: OptionValues): RefreshPace | 'never' {
  if (options.choice(REFRESH, ['due', 'never']) === 'never') {
    assertNotIdle(options, REFRESH, 'turns off refreshing', [MAX_PER_SECOND, MAX_PER_SECOND_OF_APP, AUTHORIZER_TASK]);
    return 'never';
  }
  return {
    maxPerSecond: options.integer(MAX_PER_SECOND, 1, MOST_PER_SECOND),
    maxPerSecondOfApp: options.integer(MAX_PER_SECOND_OF_APP, 1, MOST_PER_SECOND),
  };
}

function proxyOf(options: OptionValues): string | undefined {
  const given = options.given(PROXY);
  if (given !== undefined) asUsage(() => parseProxy(given.text), named(given.source));
  return given?.text;
}

function checkedList(options: OptionValues, option: OptionSpec, check: (text: string) => void): readonly string[] {
  return options.list(option).map(({ source, text }) => {
    asUsage(() => check(text), named(source));
    return text;
  });
}

/** Returns a function that replaces the library's name of an option at the start of a message by the source of its value. */
function named(source: string): (message: string) => string {
  return (message) => message.replace(/^\S+/, source);
}
