import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export const COMPONENT = 'wx00000000000000c0';
export const SECRET = 'canary-secret';
export const TOKEN = 'canary.token';
export const AES_KEY = 'canaryKEYcanaryKEYcanaryKEYcanaryKEYcanary0';

/** The answer to a push: a body with status 200, a response with another status, none at all, or the end of the connection. */
export type Answer = string | { readonly status: number; readonly body: string } | 'hang' | 'cut';

/** A push as it was decrypted. */
export interface Pushed {
  readonly fields: ReadonlyMap<string, string>;
  /** The appid in the path; `undefined` for what concerns the platform itself. */
  readonly appid: string | undefined;
  readonly nonce: string;
}

/** The parts of a reply that a faulty server gets wrong. */
export interface ReplyChanges {
  readonly fields?: Readonly<Record<string, string>>;
  readonly token?: string;
  readonly key?: string;
  readonly receiverId?: string;
  readonly message?: string;
}

/** What a platform does at each step of the release check. A test replaces the parts that it wants faulty. */
export interface Behaviour {
  echo(text: string): Answer;
  ticket(): Answer;
  authorized(): Answer;
  event(pushed: Pushed, server: PlatformServer): Answer;
  text(pushed: Pushed, server: PlatformServer): Answer;
  code(pushed: Pushed, server: PlatformServer): Answer;
  /** Does what is owed after a code was answered. */
  afterCode(code: string, pushed: Pushed, server: PlatformServer): Promise<void>;
}

export const RIGHT: Behaviour = {
  echo: (echo) => echo,
  ticket: () => 'success',
  authorized: () => 'success',
  event: (pushed, server) =>
    server.reply(pushed, { fields: { Content: `${pushed.fields.get('Event')}from_callback` } }),
  text: (pushed, server) => server.reply(pushed),
  code: () => '',
  async afterCode(code, pushed, server) {
    await server.send(await server.exchange(code), String(pushed.fields.get('FromUserName')), `${code}_from_api`);
  },
};

/** Runs a small platform that passes WeChat's release check, with encryption of its own. */
export class PlatformServer {
  behaviour: Behaviour = RIGHT;
  /** Whether the code of an authorization is exchanged as soon as it comes. */
  exchangesAuthorizations = true;
  /** The pushes that came, in order. */
  readonly pushes: Pushed[] = [];
  /** The newest token of an account by the exchange of the code that came with its authorization. */
  readonly stored = new Map<string, string>();
  readonly #origin: string;
  readonly #server: Server;
  readonly #work = new Set<Promise<void>>();
  #ticket = '';
  #componentToken: Promise<string> | undefined;
  #arrived: () => void = () => undefined;

  /** @param origin - that of the fake WeChat. */
  constructor(origin: string) {
    this.#origin = origin;
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const url = new URL(request.url ?? '', 'http://platform.test');
        this.#take(url, body, response);
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when a push arrives that gets no answer. */
  hung(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrived = resolve;
    });
  }

  /** Resolves when all work that followed pushes has ended. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  /** Returns an encrypted text reply that passes the check, apart from the changes. */
  reply({ fields, nonce }: Pushed, changes: ReplyChanges = {}): string {
    const content = {
      ToUserName: fields.get('FromUserName') ?? '',
      FromUserName: fields.get('ToUserName') ?? '',
      CreateTime: '1767225600',
      MsgType: 'text',
      Content: `${fields.get('Content')}_callback`,
      ...changes.fields,
    };
    const elements = Object.entries(content).map(([name, value]) => `<${name}><![CDATA[${value}]]></${name}>`);
    const { message = `<xml>${elements.join('')}</xml>`, receiverId = COMPONENT, key = AES_KEY } = changes;
    const encrypt = sealed(message, receiverId, key);
    const signature = sign(changes.token ?? TOKEN, '1767225600', nonce, encrypt);
    return `<xml><Encrypt>${encrypt}</Encrypt><MsgSignature>${signature}</MsgSignature><TimeStamp>1767225600</TimeStamp><Nonce>${nonce}</Nonce></xml>`;
  }

  /** Exchanges a code, and returns the token of the account; empty if WeChat refuses. */
  async exchange(code: string): Promise<string> {
    const body = { component_appid: COMPONENT, authorization_code: code };
    const answer = await this.call(
      `component/api_query_auth?component_access_token=${await this.#platformToken()}`,
      body,
    );
    const granted = answer['authorization_info'] as Record<string, unknown> | undefined;
    return String(granted?.['authorizer_access_token'] ?? '');
  }

  send(token: string, touser: string, content: string): Promise<Record<string, unknown>> {
    return this.call(`message/custom/send?access_token=${token}`, { touser, msgtype: 'text', text: { content } });
  }

  async call(path: string, body: object): Promise<Record<string, unknown>> {
    const init = { method: 'POST', body: JSON.stringify(body) };
    return (await (await fetch(`${this.#origin}/cgi-bin/${path}`, init)).json()) as Record<string, unknown>;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(url: URL, body: string, response: ServerResponse): void {
    const [timestamp, nonce] = [url.searchParams.get('timestamp') ?? '', url.searchParams.get('nonce') ?? ''];
    const echo = url.searchParams.get('echostr');
    if (echo !== null) {
      const isSigned = sign(TOKEN, timestamp, nonce) === url.searchParams.get('signature');
      this.#answer(response, isSigned ? this.behaviour.echo(echo) : { status: 401, body: '' });
      return;
    }
    const encrypt = elementsOf(body).get('Encrypt') ?? '';
    if (sign(TOKEN, timestamp, nonce, encrypt) !== url.searchParams.get('msg_signature')) {
      this.#answer(response, { status: 401, body: '' });
      return;
    }
    const appid = url.pathname.split('/')[3];
    const pushed = { fields: elementsOf(unsealed(encrypt)), appid, nonce };
    this.pushes.push(pushed);
    this.#answer(response, this.#handled(pushed));
  }

  #handled(pushed: Pushed): Answer {
    const { fields } = pushed;
    const { behaviour } = this;
    if (fields.get('InfoType') === 'component_verify_ticket') {
      this.#ticket = fields.get('ComponentVerifyTicket') ?? '';
      return behaviour.ticket();
    }
    if (fields.get('InfoType') === 'authorized') {
      const appid = String(fields.get('AuthorizerAppid'));
      if (!this.exchangesAuthorizations) return behaviour.authorized();
      this.#later(async () => void this.stored.set(appid, await this.exchange(fields.get('AuthorizationCode') ?? '')));
      return behaviour.authorized();
    }
    if (fields.get('MsgType') === 'event') return behaviour.event(pushed, this);
    const [, code] = /^QUERY_AUTH_CODE:(.+)$/.exec(fields.get('Content') ?? '') ?? [];
    if (code === undefined) return behaviour.text(pushed, this);
    this.#later(() => behaviour.afterCode(code, pushed, this));
    return behaviour.code(pushed, this);
  }

  #answer(response: ServerResponse, answer: Answer): void {
    if (answer === 'hang') this.#arrived();
    else if (answer === 'cut') response.socket?.destroy();
    else if (typeof answer === 'string') response.end(answer);
    else response.writeHead(answer.status).end(answer.body);
  }

  /** Does work after the answer to a push. */
  #later(work: () => Promise<void>): void {
    const done: Promise<void> = new Promise<void>((resolve) => setImmediate(resolve)).then(work).finally(() => {
      this.#work.delete(done);
    });
    this.#work.add(done);
  }

  #platformToken(): Promise<string> {
    const component_verify_ticket = this.#ticket;
    const body = { component_appid: COMPONENT, component_appsecret: SECRET, component_verify_ticket };
    this.#componentToken ??= this.call('component/api_component_token', body).then((answer) =>
      String(answer['component_access_token']),
    );
    return this.#componentToken;
  }
}

function sign(...parts: readonly string[]): string {
  return createHash('sha1')
    .update([...parts].sort().join(''))
    .digest('hex');
}

function sealed(message: string, receiverId: string, key: string): string {
  const secret = Buffer.from(key, 'base64');
  const bytes = Buffer.from(message);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  const clear = Buffer.concat([randomBytes(16), length, bytes, Buffer.from(receiverId)]);
  const padding = 32 - (clear.length % 32);
  const cipher = createCipheriv('aes-256-cbc', secret, secret.subarray(0, 16)).setAutoPadding(false);
  return (
    cipher.update(Buffer.concat([clear, Buffer.alloc(padding, padding)]), undefined, 'base64') + cipher.final('base64')
  );
}

function unsealed(encrypt: string): string {
  const secret = Buffer.from(AES_KEY, 'base64');
  const cipher = createDecipheriv('aes-256-cbc', secret, secret.subarray(0, 16)).setAutoPadding(false);
  const clear = Buffer.concat([cipher.update(Buffer.from(encrypt, 'base64')), cipher.final()]);
  return clear.toString('utf8', 20, 20 + clear.readUInt32BE(16));
}

function elementsOf(xml: string): ReadonlyMap<string, string> {
  const elements = xml.matchAll(/<(\w+)>(?:<!\[CDATA\[([\s\S]*?)\]\]>|([^<]*))<\/\1>/g);
  return new Map([...elements].map(([, name = '', cdata, plain = '']) => [name, cdata ?? plain]));
}
