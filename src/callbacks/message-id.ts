import { createHash } from 'node:crypto';

const HASH_DIGITS = 24;
const FORM = new RegExp(`^([0-9a-f]{${HASH_DIGITS}})-\\d{1,16}-\\d{1,16}$`);

/** The token that a message is about. */
export interface MessageContent {
  readonly version: number;
  /** The expiry of the token, in epoch milliseconds. */
  readonly expiresAt: number;
}

/** The key of a token in the form in which a query has it. */
interface MessageKey {
  readonly appid: string;
  /** The number of the type, or its name if it has no number. */
  readonly type: string;
  /** The subject; empty without one. */
  readonly subject: string;
}

/**
 * Returns the id of the message that notifies `url` of a token. It is the same for every attempt, so that a receiver
 * recognizes a repetition, and differs for every other token: a store that was emptied or recreated counts versions from
 * 1 again, but no later token expires at the same millisecond.
 */
export function messageId(url: URL, { version, expiresAt }: MessageContent): string {
  return `${hashOf(keyIn(url))}-${version}-${Math.round(expiresAt)}`;
}

/**
 * Returns the key in this URL if the id is that of a message about it, else `undefined`. The URL may be relative, as servers
 * receive it. Only its query is read, because the sender of a request chooses the path, which need not be part of a valid URL.
 */
export function keyOfMessage(url: string | URL, id: string): MessageKey | undefined {
  const [, hash] = FORM.exec(id) ?? [];
  const text = String(url).split('#', 1)[0] as string;
  const query = text.includes('?') ? text.slice(text.indexOf('?')) : '';
  const key = keyIn({ searchParams: new URLSearchParams(query) });
  return hash === hashOf(key) ? key : undefined;
}

/** Returns the key in a query. The last value of each name counts, because the key was appended to the query of the URL. */
function keyIn({ searchParams }: Pick<URL, 'searchParams'>): MessageKey {
  const last = (name: string): string => searchParams.getAll(name).at(-1) ?? '';
  return { appid: last('appid'), type: last('type'), subject: last('subject') };
}

function hashOf({ appid, type, subject }: MessageKey): string {
  const text = [appid, type, subject].join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
}
