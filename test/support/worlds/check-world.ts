import type { JsonValue } from '../../../src/core/primitives/json.js';
import { readContent } from '../../../src/platform/content/push-content.js';
import { EncodingAesKey } from '../../../src/platform/envelope/encoding-aes-key.js';
import { readEnvelope } from '../../../src/platform/envelope/read-envelope.js';
import type { PushAnswer, PushReceiver } from '../../../src/push-server/index.js';
import { AES_KEY, COMPONENT, PlatformWorld, type PushFields } from './platform-world.js';

/** One of WeChat's test accounts. */
export const TEST_ACCOUNT = 'wx14550af28c71a144';
export const TEST_NAME = 'gh_26128078e9ab';
export const USER = 'oTester';
export const CODE = 'queryauthcode@@@CANARY-code';

/** A message that was sent to a user. */
interface SentMessage {
  /** The token that it was sent with. */
  readonly token: string | undefined;
  readonly body: JsonValue | undefined;
}

/** Provides a platform that WeChat checks before its release. */
export class CheckWorld extends PlatformWorld {
  #messages = 0;

  /** Pushes a message or an event to an account of the platform. */
  send(receiver: Pick<PushReceiver, 'receive'>, fields: PushFields, appid = TEST_ACCOUNT): Promise<PushAnswer> {
    this.#messages += 1;
    const head = { ToUserName: TEST_NAME, FromUserName: USER, CreateTime: Math.floor(this.clock.now() / 1_000) };
    const message = { ...head, MsgType: 'text', MsgId: this.#messages, ...fields };
    return this.push(receiver, message, { appid, component: COMPONENT });
  }

  /** Pushes a code that can be exchanged, as WeChat does during the check. */
  sendCode(receiver: Pick<PushReceiver, 'receive'>, code = CODE): Promise<PushAnswer> {
    this.platform.codes.set(code, TEST_ACCOUNT);
    return this.send(receiver, { Content: `QUERY_AUTH_CODE:${code}` });
  }

  /** Returns the text of a field of a reply. */
  textIn({ body }: PushAnswer, name: string): string | undefined {
    const { encrypt } = readEnvelope(Buffer.from(body));
    const message = new EncodingAesKey(AES_KEY, 'key').decrypt(Buffer.from(encrypt, 'base64'), COMPONENT);
    return message && readContent(message).content.textOf(name);
  }

  /** Returns the messages that were sent to users, also those that have failed. */
  sent(): readonly SentMessage[] {
    const sent = this.platform.asked.filter(({ path }) => path === '/cgi-bin/message/custom/send');
    return sent.map(({ query, body }) => ({ token: query?.['access_token'], body }));
  }

  /** Returns what is stored of the check. */
  async stored(): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    for await (const { data } of this.store.list('check')) found.push(data);
    return found;
  }
}

/** Returns the body of the message that the check expects. */
export function expectedMessage(code = CODE): JsonValue {
  return { touser: USER, msgtype: 'text', text: { content: `${code}_from_api` } };
}
