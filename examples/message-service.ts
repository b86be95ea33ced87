import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';

/** Creates a server for the messages of an account in plain mode, which answers `ping` with `pong`. */
export function createMessageService(token: string): Server {
  return createServer(async (request, response) => {
    if (!isFromWeChat(request, token)) {
      response.writeHead(401).end();
      return;
    }
    const message = await text(request);
    response.end(fieldOf(message, 'Content') === 'ping' ? replyTo(message, 'pong') : 'success');
  });
}

function isFromWeChat(request: IncomingMessage, token: string): boolean {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const parts = [token, searchParams.get('timestamp') ?? '', searchParams.get('nonce') ?? ''];
  return searchParams.get('signature') === createHash('sha1').update(parts.sort().join('')).digest('hex');
}

function replyTo(message: string, content: string): string {
  const fields = [
    ['ToUserName', fieldOf(message, 'FromUserName')],
    ['FromUserName', fieldOf(message, 'ToUserName')],
    ['MsgType', 'text'],
    ['Content', content],
  ];
  const createTime = `<CreateTime>${Math.floor(Date.now() / 1_000)}</CreateTime>`;
  return `<xml>${createTime}${fields.map(([name, value]) => `<${name}><![CDATA[${value}]]></${name}>`).join('')}</xml>`;
}

function fieldOf(message: string, name: string): string {
  return new RegExp(`<${name}><!\\[CDATA\\[(.*?)\\]\\]></${name}>`, 's').exec(message)?.[1] ?? '';
}
