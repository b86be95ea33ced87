// @ts-check
// This is a server that WeChat pushes to: the receiver over a manager on files or in memory, beside the refreshes of other apps.
import { createServer } from 'node:http';
import { setTimeout as rest } from 'node:timers/promises';
import { FileStore, MemoryStore, TokenManager } from 'wechat-token-manager';
import { createPushReceiver } from 'wechat-token-manager/platform';

const [directory = '', origin = '', settings = '{}', platforms = '[]', account = '', apps = '0'] =
  process.argv.slice(2);
const push = JSON.parse(settings);
const BEGIN_EVERY_MS = 30;

const store = directory === '' ? new MemoryStore() : new FileStore(directory);
const tokens = new TokenManager({ store, wechat: { origins: [origin] } });
for (const appid of JSON.parse(platforms)) {
  await tokens.register({ appid, secret: 'secret', push, tasks: ['component_access_token'] });
}
await tokens.register({ appid: account, secret: 'secret', push });
tokens.on('refreshed', ({ appid, type }) => {
  if (type === 'component_access_token') process.send?.({ appid });
});
const receiver = createPushReceiver(tokens, {
  onMessage: () => ({ MsgType: 'text', Content: 'Thank you' }),
});
await keepRefreshing();
const server = createServer(receiver.node).listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.send?.({ port });
});

async function keepRefreshing() {
  for (let index = 0; index < Number(apps); index++) {
    await tokens.register({ appid: `wxbusy${index}`, secret: 'secret', tasks: ['access_token'] });
    // Tokens that were fetched all at once would be refreshed in bursts.
    await rest(BEGIN_EVERY_MS);
  }
}
