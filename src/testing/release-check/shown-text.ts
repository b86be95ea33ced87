import { describeValue } from '../../core/primitives/redact.js';

/** Texts that are replaced before anything that came is shown. */
export type Hider = (text: string) => string;

/** The words of the check itself, which are longer than others that are shown. */
const WORDS = new Set(['TESTCOMPONENT_MSG_TYPE_TEXT_callback', 'TESTCOMPONENT_MSG_TYPE_TEXT']);
/** A word that is long enough to be a token or a key. */
const LONG_WORD = /[\w@+/=.-]{32,}/g;

/** Describes a text that a server has sent. What could be a secret in it is replaced. */
export function shownText(value: unknown, hide: Hider): string {
  if (typeof value !== 'string') return value === undefined ? 'none' : 'fields in place of a text';
  if (value === '') return 'an empty text';
  const shown = hide(value).replace(LONG_WORD, (word) => (WORDS.has(word) ? word : `<${word.length} characters>`));
  return describeValue(shown);
}
