import { createHash } from 'node:crypto';
import { describeKind } from '../../core/primitives/redact.js';
import { assertNoStrayCharacter } from '../../core/primitives/stray-characters.js';

/** The parts that a signature covers besides the token. */
export interface SignatureParts {
  /** The time in seconds since the epoch. */
  readonly timestamp: string;
  readonly nonce: string;
  /** The encrypted message, which `msg_signature` covers and `signature` does not. */
  readonly encrypt?: string | undefined;
}

/**
 * Signs as WeChat documents it, with a token that no error and no `inspect` shows. None of the code of the receiver is used,
 * so that a fault there is not hidden by the same one here.
 */
export class SigningToken {
  readonly #token: string;

  /** @throws TypeError that shows nothing of the token. */
  constructor(token: unknown) {
    if (typeof token === 'string') assertNoStrayCharacter('token', token);
    if (typeof token !== 'string' || !/^[!-~]{1,64}$/.test(token)) {
      const got = typeof token === 'string' && token !== '' ? `${token.length} characters` : describeKind(token);
      throw new TypeError(`token must be 1 to 64 printable ASCII characters without spaces, got ${got}`);
    }
    this.#token = token;
  }

  /** Returns the SHA-1 of the parts and the token, which are put in the order of their characters and joined. */
  sign({ timestamp, nonce, encrypt = '' }: SignatureParts): string {
    const joined = [this.#token, timestamp, nonce, encrypt].sort().join('');
    return createHash('sha1').update(joined).digest('hex');
  }

  /** Returns a text in which the token is replaced, wherever it occurs. */
  withoutToken(text: string): string {
    return text.replaceAll(this.#token, '<token>');
  }
}
