import { createHash } from 'node:crypto';

const HASH_DIGITS = 24;
const FORM = new RegExp(`^([0-9a-f]{${HASH_DIGITS}})-\\d{1,16}-\\d{1,16}$`);

/** The token that a message is about. */
export interface MessageContent {
  readonly version: number;
  /** The expiry of the token, in epoch milliseconds. */
  readonly expiresAt: number;
}

/**
 * Returns the id of the message that notifies `url` of a token. It is the same for every attempt, so that a receiver
 * recognizes a repetition, and differs for every other token: a store that was emptied or recreated counts versions from
 * 1 again, but no later token expires at the same millisecond.
 */
export function messageId(url: URL, { version, expiresAt }: MessageContent): string {
  return `${hashOf(url)}-${version}-${Math.round(expiresAt)}`;
}

/**
 * Returns whether the id is that of a message to this URL, which may be relative, as servers receive it. Only its query
 * is read, because the sender of a request chooses the path, which need not be part of a valid URL.
 */
export function isMessageTo(url: string | URL, id: string): boolean {
  const [, hash] = FORM.exec(id) ?? [];
  const text = String(url).split('#', 1)[0] as string;
  const query = text.includes('?') ? text.slice(text.indexOf('?')) : '';
  return hash === hashOf({ searchParams: new URLSearchParams(query) });
}

/**
 * Returns a hash of the key in a query. The last value of each name counts, because the key was appended to the query of
 * the URL.
 */
function hashOf({ searchParams }: Pick<URL, 'searchParams'>): string {
  const names = ['appid', 'type', 'subject'].map((name) => searchParams.getAll(name).at(-1) ?? '');
  return createHash('sha256').update(names.join('\n')).digest('hex').slice(0, HASH_DIGITS);
}
