// #region receive-notify
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { verifyWebhook, WebhookRefused } from 'wechat-token-manager/http';

/** @param secret - of this app: `whsec_` and the base64 of `appSecretOf(notifySecret, appid)`. */
export function createReceiver(secret: string, onAccessToken: (token: string) => void): Server {
  let newest = '';
  return createServer(async (request, response) => {
    try {
      const body = await textOf(request);
      const { id } = verifyWebhook({ headers: request.headers, body, secret, url: request.url });
      const { access_token } = JSON.parse(body);
      // A delivery whose answer was lost is made once more, with the same id. Tickets have no access_token.
      if (id !== newest && typeof access_token === 'string') onAccessToken(access_token);
      newest = id;
      response.writeHead(204).end();
    } catch (error) {
      response.writeHead(error instanceof WebhookRefused ? 401 : 500).end();
    }
  });
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}
// #endregion
