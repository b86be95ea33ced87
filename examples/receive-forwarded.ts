// #region receive-forwarded
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { verifyWebhook, WebhookRefused } from 'wechat-token-manager/http';
import type { ForwardedPush, PushReply } from 'wechat-token-manager/platform';

/** Returns the reply, if there is one. It may be called twice for one push, with the same `id`. */
type Reply = (push: ForwardedPush) => Promise<PushReply | undefined>;

/** @param secret - of this app: `whsec_` and the base64 of `appSecretOf(notifySecret, appid)`. */
export function createReplier(secret: string, replyTo: Reply): Server {
  return createServer(async (request, response) => {
    try {
      const body = await textOf(request);
      verifyWebhook({ headers: request.headers, body, secret });
      const reply = await replyTo(JSON.parse(body) as ForwardedPush);
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ reply })); // without a reply the user gets none
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
