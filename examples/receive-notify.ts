// #region receive-notify
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { verifyWebhook, WebhookRefused } from 'wechat-token-manager/http';

/** @param secret - of this app: `whsec_` and the base64 of `appSecretOf(notifySecret, appid)`. */
export function createReceiver(secret: string, onToken: (appid: string, token: string) => void): Server {
  const seen = new Set<string>();
  return createServer(async (request, response) => {
    try {
      const body = await textOf(request);
      const { id } = verifyWebhook({ headers: request.headers, body, secret });
      const { searchParams } = new URL(request.url ?? '', 'http://receiver');
      // A delivery whose answer was lost is made once more, with the same id.
      if (!seen.has(id)) onToken(searchParams.get('appid') ?? '', JSON.parse(body).access_token);
      seen.add(id);
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
