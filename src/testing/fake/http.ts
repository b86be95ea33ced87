import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/concurrency/clock.js';
import { isJsonObject, type JsonObject } from '../../core/primitives/json.js';
import type { FakeRequest } from './call.js';

const HUGE_LENGTH = 2 * 1_048_576;
const DRIP_MS = 1_000;

export async function readRequest(message: IncomingMessage): Promise<FakeRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const url = new URL(message.url ?? '/', 'http://fake.invalid');
  const ip = (message.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const { method = 'GET' } = message;
  return { method, path: url.pathname, query: url.searchParams, body: parseBody(Buffer.concat(chunks)), ip };
}

export function sendJson(response: ServerResponse, answer: JsonObject): void {
  sendText(response, 200, JSON.stringify(answer), { 'content-type': 'application/json; encoding=utf-8' });
}

export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = { 'content-type': 'text/html' },
): void {
  response.writeHead(status, headers).end(text);
}

export function sendHuge(response: ServerResponse): void {
  sendJson(response, { access_token: 'x'.repeat(HUGE_LENGTH), expires_in: 7200 });
}

export function sendDrip(response: ServerResponse, clock: Clock): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const drip = (): void => {
    if (response.destroyed) return;
    response.write(' ');
    clock.setTimer(drip, DRIP_MS);
  };
  drip();
}

/** Resets the connection, as a crashed or overloaded host does. */
export function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

function parseBody(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
