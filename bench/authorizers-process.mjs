// @ts-check
// This is a process that receives the pushes of a platform and keeps its authorizers, on the store that the benchmark has
// described to it. The benchmark calls the functions below by messages.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as rest } from 'node:timers/promises';
import { TokenManager } from 'wechat-token-manager';
import { createPushReceiver, recoverAuthorizers } from 'wechat-token-manager/platform';
import { openStore } from '../test/e2e/processes/open-store.mjs';

const [description = '{}', origin = '', component = '', settings = '{}'] = process.argv.slice(2);
const TYPE = 'authorizer_access_token';
const ACCOUNT = 'wxaccount';
const DUE_SECONDS = 5;

const tokens = new TokenManager({ store: await openStore(JSON.parse(description)), wechat: { origins: [origin] } });
const receiver = createPushReceiver(tokens, { onMessage: () => ({ MsgType: 'text', Content: 'Thank you' }) });
let fetched = 0;
let authorized = 0;
tokens.on('refreshed', ({ type }) => {
  if (type === TYPE) fetched += 1;
});
tokens.on('authorized', () => {
  authorized += 1;
});
const server = createServer(receiver.node).listen(0, '127.0.0.1');
await once(server, 'listening');

/** @type {Record<string, (argument: any) => Promise<unknown>>} */
const FUNCTIONS = {
  async platform(ticket) {
    const push = JSON.parse(settings);
    await tokens.register({ appid: ACCOUNT, secret: 'secret', push });
    await tokens.register({ appid: component, secret: 'secret', push });
    await tokens.put(component, 'component_verify_ticket', { value: ticket, expiresInSeconds: 43_200 });
    await tokens.register({ appid: component, tasks: ['component_access_token'] });
    return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
  },
  /** @param {readonly (readonly [subject: string, refreshToken: string])[]} merchants */
  register: (merchants) =>
    tokens.register({
      appid: component,
      tasks: merchants.map(([subject, authorizer_refresh_token]) => {
        return { type: TYPE, subject, params: { authorizer_refresh_token } };
      }),
    }),
  recover: () => recoverAuthorizers(tokens, component),
  /** @param {number} count */
  async untilFetched(count) {
    while (fetched < count) await rest(10);
  },
  /** @param {number} count */
  async untilAuthorized(count) {
    while (authorized < count) await rest(1);
  },
  /** Makes a token due, which is then refreshed by the schedule: forced refreshes are limited. @param {string} subject */
  makeDue: (subject) =>
    tokens.put(component, TYPE, { value: 'due', expiresInSeconds: DUE_SECONDS }, { subject }).then(() => undefined),
  /** @param {string} subject */
  get: (subject) => tokens.get(component, TYPE, { subject }).then(() => undefined),
  async usage() {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1_000, rss: process.memoryUsage.rss() };
  },
  async end() {
    server.close();
    server.closeAllConnections();
    await tokens.close();
    setImmediate(() => process.disconnect());
  },
};

// The benchmark has failed.
process.once('disconnect', () => process.exit());
process.on('message', async (/** @type {{ id: number, name: string, argument: unknown }} */ { id, name, argument }) => {
  try {
    process.send?.({ id, result: await FUNCTIONS[name]?.(argument) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
