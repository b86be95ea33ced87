import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { encryptedReply } from '../../../../src/platform/envelope/encrypted-reply.js';
import { EnvelopeRefused } from '../../../../src/platform/envelope/envelope-refused.js';
import { MessageKeys } from '../../../../src/platform/envelope/message-keys.js';
import { PushToken } from '../../../../src/platform/envelope/push-token.js';
import { type EnvelopeFormat, readEnvelope } from '../../../../src/platform/envelope/read-envelope.js';
import { readXml } from '../../../../src/platform/xml/read-xml.js';
import type { XmlElement } from '../../../../src/platform/xml/xml-element.js';

export const TOKEN = 'canary-token-of-pushes';
export const AES_KEY = 'canaryKEYcanaryKEYcanaryKEYcanaryKEYcanary0';

/** A request as the server has received it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A server that verifies and decrypts pushes for one app, and answers as a test wants. */
export interface PushServer {
  readonly url: string;
  readonly received: Received[];
  /** Returns the newest request. */
  last(): Received;
  /** Verifies and decrypts a request; returns the text in clear, or what is wrong. */
  read(request: Received): string;
  /** Returns the elements of the newest request. */
  lastElement(): XmlElement;
  /** Answers the requests that come later: `success` unless a test sets another function. */
  answer: (response: ServerResponse, request: Received) => void;
  /** Returns an encrypted reply to the newest request. */
  encrypted(message: string, changes?: { format?: EnvelopeFormat; receiverId?: string; token?: string }): string;
  close(): Promise<void>;
}

/** Starts a server for an app with `TOKEN` and `AES_KEY`. */
export async function startPushServer(appid: string): Promise<PushServer> {
  const token = new PushToken(TOKEN, 'token');
  const received: Received[] = [];
  const server = createServer((message, response) => {
    void buffer(message).then((body) => {
      const url = new URL(message.url ?? '', 'http://server.test');
      const { method = '', headers } = message;
      const request = { method, path: url.pathname, query: url.searchParams, headers, body };
      received.push(request);
      self.answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: PushServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answer: (response) => void response.end('success'),
    last: () => received.at(-1) as Received,
    read({ query, body }) {
      const [timestamp, nonce] = [query.get('timestamp') ?? '', query.get('nonce') ?? ''];
      const signature = query.get('msg_signature');
      if (signature === null) {
        return token.verify({ timestamp, nonce }, query.get('signature') ?? '') ? body.toString() : 'wrong signature';
      }
      try {
        const encrypt = query.get('echostr') ?? readEnvelope(body).encrypt;
        if (!token.verify({ timestamp, nonce, encrypt }, signature)) return 'wrong signature';
        return new MessageKeys(AES_KEY, 'key').decrypt(encrypt, appid).message.toString();
      } catch (error) {
        if (error instanceof EnvelopeRefused) return `refused: ${error.message}`;
        throw error;
      }
    },
    lastElement: () => readXml(Buffer.from(self.read(self.last()))),
    encrypted(message, { format = 'xml', receiverId = appid, token: signer = TOKEN } = {}) {
      return encryptedReply({
        message,
        format,
        key: new EncodingAesKey(AES_KEY, 'key'),
        token: new PushToken(signer, 'token'),
        receiverId,
        timestampSeconds: 1_700_000_000,
        nonce: self.last().query.get('nonce') ?? '',
        random: randomBytes(16),
      });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}
