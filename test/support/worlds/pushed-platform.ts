import { writeFile } from 'node:fs/promises';
import { type FakePushAnswer, type FakePushFields, FakeWeChat } from '../../../src/testing/index.js';
import { type ServeProcess, ServeWorld } from '../servers/serve-process.js';

export const COMPONENT = 'wx00000000000000c0';
export const PUSH_TOKEN = 'CANARY-token-of-pushes';
export const AES_KEY = 'CANARYkeyCANARYkeyCANARYkeyCANARYkeyCANARY0';
export const SECRET = 'CANARY-secret-of-the-platform';

/** An answer in the contract of the scheduler. */
export interface TaskAnswer {
  readonly code: number;
  readonly message: string;
  readonly result: string | null;
}

/** Runs a WeChat that pushes to servers of the built command, which share a store. */
export class PushedPlatform implements AsyncDisposable {
  readonly wechat: FakeWeChat;
  readonly world: ServeWorld;
  readonly servers: ServeProcess[] = [];
  /** The environment of the servers. */
  readonly #env: NodeJS.ProcessEnv;

  private constructor(wechat: FakeWeChat, world: ServeWorld, env: NodeJS.ProcessEnv) {
    this.wechat = wechat;
    this.world = world;
    this.#env = env;
  }

  /** @param store - the URL of the store. Default: a directory. */
  static async start(store?: string): Promise<PushedPlatform> {
    const wechat = await FakeWeChat.start({ apps: { [COMPONENT]: { secret: SECRET } } });
    const env = store === undefined ? {} : { WECHAT_TOKENS_STORE: store };
    return new PushedPlatform(wechat, await ServeWorld.create(), env);
  }

  /** Starts a server, with these options beside those that it needs. */
  async serve(...options: readonly string[]): Promise<ServeProcess> {
    const server = await this.world.start(['--wechat-origin', this.wechat.origin, ...options], this.#env);
    this.servers.push(server);
    return server;
  }

  /** Registers the platform by the command, and resolves with what that has printed. */
  async register(server: ServeProcess): Promise<string> {
    const [pushFile, secretFile] = [this.world.path('push.json'), this.world.path('secret')];
    await writeFile(pushFile, JSON.stringify({ token: PUSH_TOKEN, encodingAesKey: AES_KEY }), { mode: 0o600 });
    await writeFile(secretFile, `${SECRET}\n`, { mode: 0o600 });
    const files = ['--push-file', pushFile, '--secret-file', secretFile];
    const task = ['--task', 'component_access_token'];
    const command = this.world.command(['register', COMPONENT, ...task, ...files, '--url', server.url]);
    await command.exited;
    return command.lines.join('\n') + command.errors;
  }

  /** Has WeChat push to a server from now on. */
  pushTo(server: ServeProcess, token = PUSH_TOKEN): void {
    const url = `${server.url}/push/${COMPONENT}`;
    this.wechat.setPush(COMPONENT, { url, authorizerUrl: `${url}/$APPID$`, token, encodingAesKey: AES_KEY });
  }

  push(content: FakePushFields): Promise<FakePushAnswer> {
    return this.wechat.push(COMPONENT, content);
  }

  pushTicket(): Promise<FakePushAnswer> {
    return this.push({ InfoType: 'component_verify_ticket' });
  }

  /** Has a merchant authorize the platform, and WeChat tell it. */
  pushAuthorization(merchant: string, fields: FakePushFields = {}): Promise<FakePushAnswer> {
    return this.push({ InfoType: 'authorized', AuthorizerAppid: merchant, ...fields });
  }

  /** Has a user send a text to an account of the platform, and WeChat push it. */
  pushText(authorizer: string, user: string, text: string): Promise<FakePushAnswer> {
    return this.wechat.push(COMPONENT, { FromUserName: user, MsgType: 'text', Content: text }, { authorizer });
  }

  /** Requests a token of the platform, or of a merchant, over HTTP. */
  async task(server: ServeProcess, merchant?: string): Promise<TaskAnswer> {
    const path = merchant === undefined ? 'component_access_token' : `authorizer_access_token?subject=${merchant}`;
    const response = await fetch(`${server.url}/task/${COMPONENT}/${path}`);
    return (await response.json()) as TaskAnswer;
  }

  /** Returns everything that the servers have printed. */
  printed(): string {
    return this.servers.map(({ lines, errors }) => lines.join('\n') + errors).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    await this.wechat.close();
  }
}
