import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { GUARDING_HEADERS } from '../../../http/messages/http-message.js';
import { namesLoopback } from '../processes/access-mode.js';

/** The headers that only a proxy adds, besides those that begin with `x-forwarded-`. */
const PROXY_HEADERS: ReadonlySet<string> = new Set(['forwarded', 'via', 'x-real-ip']);

const FOREIGN_NAME =
  'without --keys or --anonymous only requests from this machine to 127.0.0.1, ::1 or localhost are accepted';
const PROXY =
  'this request came through a proxy (HTTP/1.0, Forwarded, X-Forwarded-*, X-Real-IP or Via), which other machines may use: start the server with --keys';

/** Wraps the listener of a server without keys, so that it only answers programs on this machine. */
export function forThisMachine(listener: RequestListener): RequestListener {
  return (request, response) => {
    if (!namesLoopback(request.headers.host)) refuse(response, FOREIGN_NAME);
    else if (isFromProxy(request)) refuse(response, PROXY);
    else listener(request, response);
  };
}

/**
 * Returns whether a proxy has sent the request, since the address of the connection is then the proxy's. A proxy that
 * speaks HTTP/1.1 and adds no header cannot be recognized.
 */
function isFromProxy({ httpVersion, headers }: IncomingMessage): boolean {
  if (httpVersion !== '1.1') return true;
  for (const name in headers) if (PROXY_HEADERS.has(name) || name.startsWith('x-forwarded-')) return true;
  return false;
}

function refuse(response: ServerResponse, detail: string): void {
  const body = JSON.stringify({ status: 403, detail });
  response.writeHead(403, {
    ...GUARDING_HEADERS,
    'Content-Type': 'application/json; charset=utf-8',
    Connection: 'close',
  });
  response.end(body);
}
