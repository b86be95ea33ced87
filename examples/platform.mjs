// #region platform
import { createServer } from 'node:http';
import { FileStore, TokenManager } from 'wechat-token-manager';
import { createPushReceiver } from 'wechat-token-manager/platform';

const { COMPONENT_APPID = '', COMPONENT_SECRET = '', PUSH_TOKEN = '', PUSH_KEY = '', PORT = '8080' } = process.env;

const tokens = new TokenManager({ store: new FileStore('./wechat-tokens') });
tokens.on('authorized', ({ authorizer }) => console.log(`${authorizer} has authorized the platform`));
tokens.on('unauthorized', ({ authorizer }) => console.log(`${authorizer} has ended its authorization`));

await tokens.register({
  appid: COMPONENT_APPID,
  secret: COMPONENT_SECRET,
  push: { token: PUSH_TOKEN, encodingAesKey: PUSH_KEY },
  tasks: ['component_access_token'],
});

// An account that authorizes the platform gets these tasks. The ticket is for JS-SDK pages.
const receiver = createPushReceiver(tokens, { authorizerTasks: ['authorizer_access_token', 'jsapi_ticket'] });
const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, receiver.node);
server.listen(Number(PORT), '127.0.0.1', () => console.log(`pushes are received at /push/${COMPONENT_APPID}`));

process.once('SIGTERM', () => server.close(() => tokens.close()));
// #endregion
