import { randomBytes } from 'node:crypto';
import type { PushMode } from '../../core/model/push/push-settings.js';
import { PushRefused } from '../content/push-refused.js';
import { encryptedReply } from '../envelope/encrypted-reply.js';
import { EnvelopeRefused } from '../envelope/envelope-refused.js';
import type { DecryptedMessage, MessageKeys } from '../envelope/message-keys.js';
import type { PushToken } from '../envelope/push-token.js';
import { readEnvelope } from '../envelope/read-envelope.js';
import type { ReadySecrets } from './push-secrets.js';
import type { PushWindow } from './push-window.js';

/** The parameters of a push's query; absent ones are empty. */
export interface PushQuery {
  readonly signature: string;
  readonly messageSignature: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly echo: string;
}

/** A push whose signature was verified. */
export interface VerifiedPush {
  /** The message in clear. */
  readonly message: Uint8Array;
  /** Whether it arrived encrypted. */
  readonly isEncrypted: boolean;
  /** Returns the body of the answer with this reply, encrypted as the push was. */
  reply(message: string): string;
}

const SECOND_MS = 1_000;

/** Returns the parameters of a push's query. */
export function pushQueryOf(query: string): PushQuery {
  const fields = new URLSearchParams(query);
  const field = (name: string): string => fields.get(name) ?? '';
  return {
    signature: field('signature'),
    messageSignature: field('msg_signature'),
    timestamp: field('timestamp'),
    nonce: field('nonce'),
    echo: field('echostr'),
  };
}

/** Verifies and decrypts what is pushed to one app. */
export class PushVerifier {
  readonly #mode: PushMode;
  readonly #receiver: string;
  readonly #token: PushToken;
  readonly #keys: MessageKeys;
  readonly #window: PushWindow;

  /** @param receiver - the appid to which messages must be addressed. */
  constructor(mode: PushMode, { token, keys }: ReadySecrets, receiver: string, window: PushWindow) {
    this.#mode = mode;
    this.#token = token;
    this.#keys = keys;
    this.#receiver = receiver;
    this.#window = window;
  }

  /**
   * Verifies a push, and decrypts it.
   *
   * @throws PushRefused for a wrong signature or time, and for a body that is none.
   */
  verify(query: PushQuery, body: Uint8Array): VerifiedPush {
    if (this.#mode === 'plain') return this.#verifyPlain(query, body);
    const { format, encrypt } = readable(() => readEnvelope(body));
    const { message, key } = this.#decrypt(query, encrypt);
    const reply = (text: string): string =>
      encryptedReply({
        message: text,
        format,
        key,
        token: this.#token,
        receiverId: this.#receiver,
        timestampSeconds: Math.floor(this.#window.now() / SECOND_MS),
        nonce: query.nonce,
        random: randomBytes(16),
      });
    return { message, isEncrypted: true, reply };
  }

  /**
   * Verifies WeChat's check of the URL, and returns the text that it expects. It is encrypted if `msg_signature` is there.
   * The signature of a push fits its `Encrypt` here as well, so that a decrypted text is returned only if it can be none of a
   * message: anyone who has recorded an encrypted push could otherwise have it decrypted.
   *
   * @throws PushRefused.
   */
  verifyUrl(query: PushQuery): string {
    const text = this.#echoOf(query);
    if (/^[\x21-\x7e]{1,128}$/.test(text)) return text;
    throw new PushRefused(400, 'echostr must be 1 to 128 printable ASCII characters');
  }

  #echoOf(query: PushQuery): string {
    if (query.messageSignature !== '') return this.#decrypt(query, query.echo).message.toString();
    this.#assertSigned(query, query.signature);
    return query.echo;
  }

  #verifyPlain(query: PushQuery, body: Uint8Array): VerifiedPush {
    this.#assertSigned(query, query.signature);
    return { message: body, isEncrypted: false, reply: (text) => text };
  }

  #decrypt(query: PushQuery, encrypt: string): DecryptedMessage {
    this.#assertSigned(query, query.messageSignature, encrypt);
    return readable(() => this.#keys.decrypt(encrypt, this.#receiver));
  }

  #assertSigned({ timestamp, nonce }: PushQuery, signature: string, encrypt?: string): void {
    if (!this.#token.verify({ timestamp, nonce, encrypt }, signature)) throw new WrongSignature();
    const timestampMs = Number(timestamp) * SECOND_MS;
    if (!this.#window.accepts(timestampMs)) {
      throw new PushRefused(401, 'the push is more than ten minutes old or ahead: check the clock of the store');
    }
    this.#window.note(timestampMs);
  }
}

/** Reports a signature that is not that of the push with the token of the app. */
export class WrongSignature extends PushRefused {
  constructor() {
    super(401, 'the signature is not that of WeChat: compare the token of the pushes with the one in its console');
  }
}

/**
 * Runs work that reads a part of a push.
 *
 * @throws PushRefused for what cannot be read.
 */
function readable<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof EnvelopeRefused) throw new PushRefused(400, error.message);
    throw error;
  }
}
