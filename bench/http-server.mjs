// @ts-check
// This is a server to load: that of the library, the same beside refreshes (`busy`), or a bare one with the same check of
// the key that answers the same bytes.
import { hash as hashOf, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { TokenManager } from 'wechat-token-manager';
import { createHandler } from 'wechat-token-manager/http';

const [kind = 'ours', count = '1000', id = '', hash = '', origin = '', perSecond = '0'] = process.argv.slice(2);
const apps = Number(count);
const appidOf = (/** @type {number} */ index) => `wx${String(index).padStart(16, '0')}`;
const tokenOf = (/** @type {number} */ index) => `token-${index}-`.padEnd(136, 'x');

const server = createServer(kind === 'bare' ? bare() : await ours());
server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.send?.({ port: address.port });
});

async function ours() {
  const tokens = new TokenManager(kind === 'busy' ? { wechat: { origins: [origin] } } : {});
  for (let index = 0; index < apps; index++) {
    const appid = appidOf(index);
    await tokens.register({ appid, secret: 'secret' });
    await tokens.put(appid, 'access_token', { value: tokenOf(index), expiresInSeconds: 7_200 });
    await tokens.register({ appid, tasks: ['access_token'] });
  }
  if (kind === 'busy') keepRefreshing(tokens);
  return createHandler(tokens, { keys: [{ id, hash, scopes: ['read'] }] }).node;
}

/** @param {TokenManager} tokens */
function keepRefreshing(tokens) {
  const everyMs = 20;
  let next = 0;
  setInterval(() => {
    for (let count = 0; count < (Number(perSecond) * everyMs) / 1_000; count++) {
      // Refreshes are spread over the apps, because the limit on forced refreshes applies to each app.
      tokens
        .refresh(appidOf(next++ % apps), 'access_token', { force: true })
        .catch((error) => console.error(error.message));
    }
  }, everyMs).unref();
}

/** @returns {import('node:http').RequestListener} */
function bare() {
  const values = new Map(Array.from({ length: apps }, (_, index) => [`/task/${appidOf(index)}/0`, tokenOf(index)]));
  const known = Buffer.from(hash, 'latin1');
  return (request, response) => {
    const [, key = ''] = (request.headers.authorization ?? '').split(' ');
    if (!timingSafeEqual(Buffer.from(hashOf('sha256', key, 'hex'), 'latin1'), known)) {
      response.writeHead(401).end();
      return;
    }
    const body = JSON.stringify({ code: 200, message: '', result: values.get(request.url ?? '') ?? null });
    response.writeHead(200, {
      'Cross-Origin-Resource-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Length': Buffer.byteLength(body),
    });
    response.end(body);
  };
}
