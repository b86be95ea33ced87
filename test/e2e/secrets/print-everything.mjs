// This script prints everything that the library returns to its user, in every way that Node prints.
import { writeFileSync } from 'node:fs';
import { format, inspect } from 'node:util';
import { EncryptedStore, FileStore, MemoryStore, TokenManager } from 'wechat-token-manager';

const [directory = '', origin = '', secretInHex = '', handedOutFile = ''] = process.argv.slice(2);
const secret = Buffer.from(secretInHex, 'hex').toString();
const APPID = 'wx0123456789abcdef';

/**
 * Prints as `console.log` does.
 *
 * @param {unknown[]} what
 */
function log(...what) {
  process.stdout.write(`${format(...what)}\n`);
}

/** @param {any} what */
function print(what) {
  log(what);
  log(inspect(what, { depth: 9, showHidden: true, getters: true }));
  log('%s %j %o', what, what ?? null, what);
  log(String(what?.stack), inspect(what?.cause, { depth: 9, showHidden: true }));
  log(Object.entries(what ?? {}), JSON.stringify({ ...what }));
}

const spentParams = { refresh_token: `${secret}-refresh` };
const merchant = {
  value: `${secret}-merchant`,
  expiresInSeconds: 7_200,
  refreshToken: `${secret}-refresh-of-merchant`,
};
process.title = 'secrets';
/**
 * Prints everything once, in a mode of the access token, and returns the tokens that were handed out.
 *
 * @param {'stable' | 'plain'} mode
 */
async function printEverything(mode) {
  /** @type {string[]} */
  const handedOut = [];
  const tokens = new TokenManager({
    store: new FileStore(`${directory}/${mode}`),
    wechat: { origins: [origin], accessToken: mode },
  });
  tokens.on('refreshed', print).on('refreshFailed', print).on('storeUnavailable', print).on('listenerFailed', print);
  tokens.on('reauthorizationRequired', print).on('recordQuarantined', print);
  tokens.on('refreshed', ({ record, source }) => {
    if (source === 'upstream') handedOut.push(record.value);
    throw record;
  });
  print(tokens);
  /** @type {(() => unknown)[]} */
  const attempts = [
    () => tokens.register({ appid: APPID, secret, tasks: ['access_token', 'jsapi_ticket'] }),
    // @ts-expect-error misuse
    () => tokens.register({ appid: APPID, secret, taks: [] }),
    // @ts-expect-error misuse
    () => tokens.register({ appid: APPID, secret: [secret] }),
    () => tokens.register({ appid: APPID, secret, tasks: [{ type: 'access_token', params: secret }] }),
    () => tokens.getRecord(APPID, 'access_token'),
    () => tokens.getRecord(APPID, 'jsapi_ticket'),
    () => tokens.refresh(APPID, 'access_token', { force: true }).then(() => 'refreshed'),
    // @ts-expect-error misuse
    () => tokens.refresh(APPID, 'access_token', { stale: [secret] }),
    () => tokens.put(APPID, 'access_token', { value: `${secret}-put`, expiresInSeconds: -1 }),
    // @ts-expect-error misuse
    () => tokens.put(APPID, 'access_token', { value: 'x', expiresInSeconds: secret }),
    // @ts-expect-error misuse
    () => tokens.put(APPID, 'access_token', { value: [secret], expiresInSeconds: 7200 }),
    async () => {
      for await (const task of tokens.status()) print(task);
    },
    () => tokens.peek(APPID, 'access_token'),
    () =>
      tokens.register({ appid: APPID, tasks: [{ type: 'oauth2_access_token', subject: 'u', params: spentParams }] }),
    () => tokens.getRecord(APPID, 'oauth2_access_token', { subject: 'u' }),
    () => tokens.put(APPID, 'component_verify_ticket', { value: `${secret}-ticket`, expiresInSeconds: 43_200 }),
    () => tokens.getRecord(APPID, 'component_access_token'),
    () => tokens.put(APPID, 'authorizer_access_token', merchant, { subject: 'wx2' }),
    () => tokens.refresh(APPID, 'authorizer_access_token', { subject: 'wx2', stale: merchant.value }),
    // @ts-expect-error misuse
    () => tokens.put(APPID, 'oauth2_access_token', { ...merchant, refreshToken: [secret] }, { subject: 'u' }),
    () => new EncryptedStore(new MemoryStore(), { keys: [secret] }),
    () => new EncryptedStore(new MemoryStore(), { keys: [Buffer.alloc(32, secret)] }),
    () => tokens.start(),
  ];
  for (const attempt of attempts) {
    try {
      print(await attempt());
    } catch (error) {
      print(error);
    }
  }
  await tokens.close();
  return handedOut;
}

/** @type {Record<string, string[]>} */
const handedOut = {};
for (const mode of /** @type {const} */ (['stable', 'plain'])) {
  log(`everything in ${mode} mode`);
  handedOut[mode] = await printEverything(mode);
}
print(process.title);
writeFileSync(handedOutFile, JSON.stringify(handedOut));
