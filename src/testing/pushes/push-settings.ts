import { readFields } from '../../core/primitives/assert-options.js';
import { describeKind, describeWord } from '../../core/primitives/redact.js';
import { MessageCipher } from '../envelope/message-cipher.js';
import { SigningToken } from '../envelope/signing-token.js';
import type { FakePushFormat } from './push-fields.js';

/**
 * The settings of an app in WeChat's console: where and how a {@link FakeWeChat} pushes.
 *
 * @public
 */
export interface FakePushSettings {
  /**
   * The URL for what concerns the app itself.
   *
   * @bounds an `http:` URL
   */
  readonly url: string;
  /**
   * The URL for the messages of a platform's authorizers, in which `$APPID$` stands for the appid of the authorizer.
   *
   * @defaultValue none
   * @bounds an `http:` URL
   */
  readonly authorizerUrl?: string;
  /** The token that signs pushes. */
  readonly token: string;
  /**
   * The key that encrypts pushes.
   *
   * @defaultValue none
   * @bounds 43 characters of `A-Z a-z 0-9 + /`
   */
  readonly encodingAesKey?: string;
  /**
   * The form of the pushes. In `'compatible'` mode they are encrypted, and repeat everything in clear.
   *
   * @defaultValue `'encrypted'` with a key, else `'plain'`
   */
  readonly mode?: 'encrypted' | 'compatible' | 'plain';
  /**
   * The format of messages. What is pushed to a platform is always XML.
   *
   * @defaultValue `'xml'`
   */
  readonly format?: 'xml' | 'json';
}

/** Checked settings. */
export interface PushTarget {
  readonly url: string;
  readonly authorizerUrl: string | undefined;
  readonly token: SigningToken;
  /** Encrypts pushes; `undefined` in plain mode. */
  readonly cipher: MessageCipher | undefined;
  /** Whether encrypted pushes repeat everything in clear. */
  readonly repeatsInClear: boolean;
  readonly format: FakePushFormat;
}

const NAMES = ['url', 'authorizerUrl', 'token', 'encodingAesKey', 'mode', 'format'] as const;
const MODES: readonly unknown[] = ['encrypted', 'compatible', 'plain'];
const FORMATS: readonly unknown[] = ['xml', 'json'];

/**
 * Checks settings.
 *
 * @throws TypeError that names the field, and shows nothing of the token and the key.
 */
export function pushTarget(settings: FakePushSettings): PushTarget {
  const fields = readFields<Record<(typeof NAMES)[number], unknown>>(settings, NAMES, 'settings');
  const { url, authorizerUrl, token, encodingAesKey, format = 'xml' } = fields;
  const { mode = encodingAesKey === undefined ? 'plain' : 'encrypted' } = fields;
  if (!MODES.includes(mode)) {
    throw new TypeError(`mode must be 'encrypted', 'compatible' or 'plain', got ${describeWord(mode)}`);
  }
  if (!FORMATS.includes(format)) throw new TypeError(`format must be 'xml' or 'json', got ${describeWord(format)}`);
  return {
    url: checkedUrl('url', url),
    authorizerUrl: authorizerUrl === undefined ? undefined : checkedUrl('authorizerUrl', authorizerUrl),
    token: new SigningToken(token),
    cipher: mode === 'plain' ? undefined : new MessageCipher(encodingAesKey),
    repeatsInClear: mode === 'compatible',
    format: format as FakePushFormat,
  };
}

function checkedUrl(name: string, url: unknown): string {
  if (typeof url === 'string' && URL.canParse(url) && new URL(url).protocol === 'http:') return url;
  throw new TypeError(
    `${name} must be an http: URL, got ${typeof url === 'string' ? 'another text' : describeKind(url)}`,
  );
}
