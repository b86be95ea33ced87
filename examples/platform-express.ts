// #region express
import express, { type Express } from 'express';
import type { TokenManager } from 'wechat-token-manager';
import { createPushReceiver } from 'wechat-token-manager/platform';

/** The URL of the pushes is then `https://<host>/wechat/push/<component>`. */
export function createApp(tokens: TokenManager): Express {
  const app = express();
  app.use('/wechat', createPushReceiver(tokens).node); // before anything that reads bodies
  app.use(express.json());
  app.get('/', (_request, response) => void response.send('hello'));
  return app;
}
// #endregion
