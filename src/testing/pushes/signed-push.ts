import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../../core/concurrency/clock.js';
import { SigningToken } from '../envelope/signing-token.js';
import { cut, type FakePushFault, garbled } from './push-fault.js';
import { type FakePushFields, type FakePushFormat, textOfFields } from './push-fields.js';
import type { OutgoingPush } from './push-sender.js';
import type { PushTarget } from './push-settings.js';

/** The parts of a push. */
export interface PushParts {
  readonly target: PushTarget;
  readonly url: string;
  /** The id that encrypted messages end with. */
  readonly receiverId: string;
  readonly sentAt: number;
  readonly fault: FakePushFault | undefined;
}

/** The headers with which WeChat sends requests. */
const HEADERS = { accept: '*/*', 'user-agent': 'Mozilla/4.0', pragma: 'no-cache' };
const OTHER_RECEIVER = 'wx00000000000000ff';

/** Signs and encrypts what is pushed, with the faults that a test wants. */
export class PushSigner {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Returns the request that pushes fields.
   *
   * @param clear - the names of the fields that the envelope repeats in clear.
   */
  push(fields: FakePushFields, clear: readonly string[], format: FakePushFormat, parts: PushParts): OutgoingPush {
    const { target, fault } = parts;
    const message = this.#garbled(Buffer.from(textOfFields(fields, format)), fault);
    const encrypt = this.#encrypted(message, parts);
    const body = encrypt === undefined ? message : envelope(encrypt, fields, clear, format, target);
    const { FromUserName: openid } = fields;
    return {
      method: 'POST',
      url: signedUrl(parts, { encrypt, openid: typeof openid === 'string' ? openid : undefined }),
      headers: { ...HEADERS, 'content-type': format === 'json' ? 'application/json' : 'text/xml' },
      body: fault === 'cut' ? cut(body, () => this.#clock.random()) : body,
    };
  }

  /**
   * Returns the request that checks the URL.
   *
   * @param isEncrypted - whether the text is encrypted, and `msg_signature` is sent.
   */
  check(echo: string, isEncrypted: boolean, parts: PushParts): OutgoingPush {
    const message = this.#garbled(Buffer.from(echo), parts.fault);
    const encrypt = isEncrypted ? this.#encrypted(message, parts) : undefined;
    const sent = encrypt ?? message.toString('latin1');
    return {
      method: 'GET',
      url: signedUrl(parts, { encrypt, echo: parts.fault === 'cut' ? this.#cutText(sent) : sent }),
      headers: HEADERS,
      body: Buffer.alloc(0),
    };
  }

  #garbled(message: Buffer, fault: FakePushFault | undefined): Buffer {
    return typeof fault === 'object' ? garbled(message, fault.garbledBytes, () => this.#clock.random()) : message;
  }

  #cutText(text: string): string {
    return cut(Buffer.from(text), () => this.#clock.random()).toString();
  }

  #encrypted(message: Uint8Array, { target, receiverId, fault }: PushParts): string | undefined {
    return target.cipher?.encrypt(message, fault === 'other-receiver' ? OTHER_RECEIVER : receiverId);
  }
}

function envelope(
  encrypt: string,
  fields: FakePushFields,
  clear: readonly string[],
  format: FakePushFormat,
  { repeatsInClear }: PushTarget,
): Buffer {
  const shown = Object.entries(fields).filter(([name]) => repeatsInClear || clear.includes(name));
  return Buffer.from(textOfFields({ ...Object.fromEntries(shown), Encrypt: encrypt }, format));
}

function signedUrl(
  { target, url, sentAt, fault }: PushParts,
  sent: {
    readonly encrypt: string | undefined;
    readonly openid?: string | undefined;
    readonly echo?: string | undefined;
  },
): string {
  const { encrypt, openid, echo } = sent;
  const token = fault === 'wrong-signature' ? new SigningToken(randomBytes(16).toString('hex')) : target.token;
  const timestamp = String(Math.floor(sentAt / 1_000));
  const nonce = String(randomInt(100_000_000, 2_000_000_000));
  const signed = new URL(url);
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) signed.searchParams.set(name, value);
  };
  set('signature', token.sign({ timestamp, nonce }));
  set('echostr', echo);
  set('timestamp', timestamp);
  set('nonce', nonce);
  set('openid', openid);
  if (encrypt === undefined) return signed.href;
  set('encrypt_type', 'aes');
  set('msg_signature', token.sign({ timestamp, nonce, encrypt }));
  return signed.href;
}
