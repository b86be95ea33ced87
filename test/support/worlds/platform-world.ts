import { randomBytes } from 'node:crypto';
import { vi } from 'vitest';
import { engineOf } from '../../../src/core/engine/engine-of.js';
import type { WeChatRequest } from '../../../src/core/model/refresher.js';
import type { JsonObject } from '../../../src/core/primitives/json.js';
import { TokenError, type TokenManager, type TokenManagerOptions } from '../../../src/index.js';
import { EncodingAesKey } from '../../../src/platform/envelope/encoding-aes-key.js';
import { PushToken } from '../../../src/platform/envelope/push-token.js';
import { writeXml, type XmlContent } from '../../../src/platform/xml/write-xml.js';
import {
  createPushReceiver,
  type PushAnswer,
  type PushReceiver,
  type PushReceiverOptions,
} from '../../../src/push-server/index.js';
import { World } from './world.js';

export const COMPONENT = 'wxcomponent000000';
export const MERCHANT = 'wxmerchant0000000';
export const PUSH_TOKEN = 'CANARY-push-token';
export const AES_KEY: string = 'CANARYkey'.padEnd(43, 'k');
export const SECRET = 'CANARY-secret-of-the-platform';

/** The fields of a push, by WeChat's names. */
export type PushFields = Readonly<Record<string, XmlContent>>;

export interface PushOptions {
  readonly appid?: string;
  /** The platform in the path of a message of an authorizer. */
  readonly component?: string;
  readonly token?: string;
  readonly key?: string;
  /** The receiver inside the encrypted message. */
  readonly receiver?: string;
  readonly timestamp?: number;
  readonly nonce?: string;
}

/** Makes a promise that is resolved by a call. */
export function pausing(): { readonly paused: Promise<void>; readonly goOn: () => void } {
  let goOn = (): void => {};
  const paused = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  return { paused, goOn: () => goOn() };
}

const PERMISSIONS = [1, 15].map((id) => ({ funcscope_category: { id } }));

/** Plays WeChat's API for one platform, and its merchants. */
class ScriptedPlatform {
  readonly asked: WeChatRequest[] = [];
  /** The codes that can be exchanged. Each works once. */
  readonly codes = new Map<string, string>();
  /** The refresh tokens that are valid, by merchant. */
  readonly refreshTokens = new Map<string, string>();
  /** The error with which the next requests of a path fail. */
  readonly failures = new Map<string, Error>();
  /** The paths whose next answer is lost after it took effect. */
  readonly lostAnswers = new Set<string>();
  /** What WeChat says of every merchant. */
  info: JsonObject = { user_name: 'gh_merchant' };
  /** The time of all authorizations in the list, in seconds. */
  authorizedAt = 1_600_000_000;
  /** Called with each request before it takes effect, for which it may make it wait. */
  arriving: (name: string) => Promise<void> | undefined = () => undefined;
  /** The time that answers name, in epoch milliseconds. */
  date: number | undefined;
  #count = 0;

  async answer(request: WeChatRequest, dated?: (at: number) => void): Promise<JsonObject> {
    this.asked.push(request);
    const name = request.path.split('/').at(-1) as string;
    await this.arriving(name);
    const failure = this.failures.get(name);
    if (failure !== undefined) throw failure;
    const answer = this.#answer(name, request.body as JsonObject);
    if (this.date !== undefined) dated?.(this.date);
    if (!this.lostAnswers.delete(name)) return answer;
    throw new TokenError('UPSTREAM_UNAVAILABLE', 'the answer was lost', { retryable: true });
  }

  countOf(name: string): number {
    return this.asked.filter(({ path }) => path.endsWith(`/${name}`)).length;
  }

  #answer(name: string, body: JsonObject): JsonObject {
    const merchant = String(body['authorizer_appid'] ?? '');
    switch (name) {
      case 'api_component_token':
        return { component_access_token: `component-${++this.#count}`, expires_in: 7_200 };
      case 'api_query_auth':
        return {
          authorization_info: { ...this.#authorize(String(body['authorization_code'])), func_info: PERMISSIONS },
        };
      case 'api_authorizer_token':
        if (this.refreshTokens.get(merchant) !== body['authorizer_refresh_token']) throw rejected(61_023);
        return this.#tokensOf(merchant);
      case 'api_get_authorizer_info':
        return {
          authorizer_info: this.info,
          authorization_info: {
            authorizer_appid: merchant,
            authorizer_refresh_token: this.refreshTokens.get(merchant) ?? '',
            func_info: PERMISSIONS,
          },
        };
      case 'api_get_authorizer_list':
        return this.#page(Number(body['offset']), Number(body['count']));
      case 'api_create_preauthcode':
        return { pre_auth_code: `pre-auth-${++this.#count}`, expires_in: 600 };
      case 'send':
        return { errcode: 0, errmsg: 'ok' };
      case 'api_start_push_ticket':
        if (body['component_secret'] !== SECRET) throw rejected(40_001);
        return { errcode: 0, errmsg: 'ok' };
      default:
        throw rejected(48_001);
    }
  }

  #page(offset: number, count: number): JsonObject {
    const all = [...this.refreshTokens].map(([authorizer_appid, refresh_token]) => {
      return { authorizer_appid, refresh_token, auth_time: this.authorizedAt };
    });
    return { total_count: all.length, list: all.slice(offset, offset + count) };
  }

  #authorize(code: string): JsonObject {
    const merchant = this.codes.get(code);
    if (merchant === undefined) throw rejected(61_009);
    this.codes.delete(code);
    this.refreshTokens.set(merchant, `refresh-of-${code}`);
    return this.#tokensOf(merchant);
  }

  #tokensOf(merchant: string): JsonObject {
    return {
      authorizer_appid: merchant,
      authorizer_access_token: `merchant-${++this.#count}`,
      expires_in: 7_200,
      authorizer_refresh_token: this.refreshTokens.get(merchant) ?? '',
    };
  }
}

export function rejected(errcode: number): TokenError {
  return new TokenError('UPSTREAM_REJECTED', `refused with ${errcode}`, { errcode });
}

/** A process that receives pushes. */
export interface ReceivingProcess {
  readonly tokens: TokenManager;
  readonly receiver: PushReceiver;
}

/** Provides a registered platform, processes that receive its pushes, and the sender of the pushes. */
export class PlatformWorld extends World {
  readonly platform = new ScriptedPlatform();
  readonly errors: Error[] = [];
  readonly events: string[] = [];

  /** Returns a process on the same store. */
  process(options: PushReceiverOptions = {}, managerOptions: TokenManagerOptions = {}): ReceivingProcess {
    const tokens = this.manager({ wechat: { origins: ['http://127.0.0.1:1'] }, refreshers: [], ...managerOptions });
    vi.spyOn(engineOf(tokens).upstream, 'request').mockImplementation((request, { dated }) =>
      this.platform.answer(request, dated),
    );
    for (const name of ['authorized', 'unauthorized'] as const) {
      tokens.on(name, ({ component, authorizer }) => void this.events.push(`${name} ${component} ${authorizer}`));
    }
    const receiver = createPushReceiver(tokens, { onError: (error) => void this.errors.push(error), ...options });
    return { tokens, receiver };
  }

  /** Returns a process whose platform is registered, and has a ticket. */
  async receiving(options: PushReceiverOptions = {}): Promise<ReceivingProcess> {
    const process = this.process(options);
    const push = { token: PUSH_TOKEN, encodingAesKey: AES_KEY };
    await process.tokens.register({ appid: COMPONENT, secret: SECRET, push });
    await this.push(process.receiver, this.ticket('first'));
    return process;
  }

  /** Returns the fields of a ticket of now, or `agoMs` before. */
  ticket(value: string, agoMs = 0): PushFields {
    return { ...this.ofPlatform('component_verify_ticket', agoMs), ComponentVerifyTicket: `ticket@@@${value}` };
  }

  /** Returns the fields of an authorization, whose code can be exchanged. */
  authorized(code: string, agoMs = 0, type = 'authorized'): PushFields {
    this.platform.codes.set(code, MERCHANT);
    return { ...this.ofPlatform(type, agoMs), AuthorizerAppid: MERCHANT, AuthorizationCode: code };
  }

  unauthorized(agoMs = 0): PushFields {
    return { ...this.ofPlatform('unauthorized', agoMs), AuthorizerAppid: MERCHANT };
  }

  ofPlatform(infoType: string, agoMs = 0): PushFields {
    return { AppId: COMPONENT, CreateTime: Math.floor((this.clock.now() - agoMs) / 1_000), InfoType: infoType };
  }

  /** Pushes fields, encrypted and signed as WeChat does it. */
  push(
    receiver: Pick<PushReceiver, 'receive'>,
    fields: PushFields | string,
    options: PushOptions = {},
  ): Promise<PushAnswer> {
    const { appid = COMPONENT, component, key = AES_KEY, receiver: receiverId = component ?? appid } = options;
    const message = typeof fields === 'string' ? fields : writeXml('xml', Object.entries(fields));
    const encrypt = new EncodingAesKey(key, 'key').encrypt(message, receiverId, randomBytes(16));
    const query = this.query(options, encrypt);
    const body = Buffer.from(
      writeXml('xml', [
        ['ToUserName', appid],
        ['Encrypt', encrypt],
      ]),
    );
    return receiver.receive({ method: 'POST', appid, component, query, body });
  }

  /** Returns the query of a push. */
  query({ token = PUSH_TOKEN, timestamp, nonce = 'n0nce' }: PushOptions, encrypt?: string): string {
    const seconds = String(timestamp ?? Math.floor(this.clock.now() / 1_000));
    const signer = new PushToken(token, 'token');
    const fields = { timestamp: seconds, nonce };
    return new URLSearchParams({
      ...fields,
      signature: signer.sign(fields),
      ...(encrypt !== undefined && { encrypt_type: 'aes', msg_signature: signer.sign({ ...fields, encrypt }) }),
    }).toString();
  }

  /** Lets what was begun after a push take its course. */
  async settle(ms = 100): Promise<void> {
    await this.clock.advance(ms);
  }
}
