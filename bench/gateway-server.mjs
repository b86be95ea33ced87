// @ts-check
// This is a proxy to load: that of the library, a bare one that neither checks a key nor adds a token, or that of another
// package. It reports the CPU time that it has used whenever it is asked.
import { createServer } from 'node:http';
import { TokenManager } from 'wechat-token-manager';
import { createHandler } from 'wechat-token-manager/http';

const [kind = 'ours', upstream = '', id = '', hash = ''] = process.argv.slice(2);
const APPID = 'wx0123456789abcdef';
const PREFIX = `/proxy/${APPID}`;

/** @type {Readonly<Record<string, () => Promise<import('node:http').RequestListener>>>} */
const PROXIES = {
  ours: () => ofManager('proxy'),
  'ours for SDKs': () => ofManager('wechat'),
  bare: async () => {
    const { Agent } = await import('undici');
    const agent = new Agent({ connections: 256 });
    return (request, response) => {
      const options = {
        origin: upstream,
        path: (request.url ?? '').slice(PREFIX.length),
        method: /** @type {'GET'} */ (request.method),
        headers: { accept: request.headers.accept },
        body: request.method === 'GET' ? null : request,
        opaque: response,
      };
      agent
        .stream(options, ({ statusCode, headers }) => response.writeHead(statusCode, headers))
        .catch(() => response.destroy());
    };
  },
  'http-proxy-3': async () => {
    const { createProxyServer } = await imported('http-proxy-3');
    const { Agent } = await import('node:http');
    const proxy = createProxyServer({ target: upstream, agent: new Agent({ keepAlive: true }) });
    return (request, response) => {
      request.url = (request.url ?? '').slice(PREFIX.length);
      proxy.web(request, response);
    };
  },
  '@fastify/http-proxy': async () => {
    const { default: fastify } = await import('fastify');
    const { default: plugin } = await imported('@fastify/http-proxy');
    const app = fastify();
    await app.register(plugin, { upstream, prefix: PREFIX });
    await app.ready();
    return (request, response) => app.routing(request, response);
  },
};

/** @param {'proxy' | 'wechat'} contract */
async function ofManager(contract) {
  const tokens = new TokenManager({ wechat: { origins: [upstream] } });
  await tokens.register({ appid: APPID, secret: 'secret' });
  await tokens.put(APPID, 'access_token', { value: 'x'.repeat(136), expiresInSeconds: 7_200 });
  return createHandler(tokens, { contracts: [contract], keys: [{ id, hash, scopes: ['call'] }] }).node;
}

/** @param {string} name @returns {Promise<any>} */
function imported(name) {
  return import(name);
}

const listener = await PROXIES[kind]?.();
const server = createServer(listener);
server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.send?.({ port: address.port });
});
process.once('SIGINT', () => process.exit());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system, rss: process.memoryUsage().rss });
});
