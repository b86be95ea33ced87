import type { TokenKey } from '../core/model/token-key.js';
import type { TypeNumbers } from './contract-type-numbers.js';

/** Returns the URL with the key appended to its query. The existing query stays as it is written. */
export function withKeyInQuery(text: string, { appid, type, subject }: TokenKey, typeNumbers: TypeNumbers): URL {
  const url = new URL(text);
  const number = typeNumbers.number(type);
  const added = new URLSearchParams({ appid, type: number === undefined ? type : String(number) });
  if (subject !== undefined) added.set('subject', subject);
  const before = url.search.slice(1);
  url.search = before === '' ? `${added}` : `${before}&${added}`;
  return url;
}
