const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;
/**
 * Variation selectors are allowed inside a text, where they are part of the printed character before them, but not at
 * the end of a secret, where they come from copying.
 */
const VARIATION_SELECTOR = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
/** Zero-width joiners and non-joiners are allowed inside a text, where they change how neighbouring characters look. */
const JOINER = /[\u200c\u200d]/;
const WHITE_SPACE = /[\s\u0085]/;
const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;

/**
 * The form of nearly all secrets: printable ASCII, with no space at either end and no quotation mark at the beginning.
 */
const PLAIN = /^[!#-&(-_a-~](?:[ -~]*[!-~])?$/;

/** A text in ASCII quotation marks. Both ends must have the same mark, because a random secret may begin with one. */
const ASCII_QUOTES = /^(["'`])[\s\S]*\1$/;
const OTHER_QUOTES = '[\u00ab\u00bb\u2018-\u201f\u2039\u203a\u300a-\u300f\u301d-\u301f\uff02\uff07\uff62\uff63]';
const TYPOGRAPHIC_QUOTES = new RegExp(`^${OTHER_QUOTES}[\\s\\S]*${OTHER_QUOTES}$`);

/**
 * Describes the first stray character that copying from a file, a page or a shell has left in a text; returns
 * `undefined` if there is none. The description follows "must not", such as `end with white space (U+000A)`. It names
 * the class, the code point and the position of the character, and shows nothing else of the text, which may be a
 * secret.
 *
 * White space, control characters and invisible characters are not allowed at either end of a text, nor are quotation
 * marks around it. Printable characters and white space are allowed inside, since keys in PEM contain line feeds.
 */
function strayCharacter(text: string): string | undefined {
  if (PLAIN.test(text)) return undefined;
  const characters = [...text];
  const first = classOf(characters[0] ?? '');
  if (first !== undefined) return `begin with ${first}`;
  const last = classOf(characters.at(-1) ?? '');
  if (last !== undefined) return `end with ${last}`;
  if (isQuoted(text)) return 'be in quotation marks';
  const index = characters.findIndex((character) => !isAllowedInside(character));
  return index === -1 ? undefined : `contain ${classOf(characters[index] as string)} as character ${index + 1}`;
}

/**
 * Rejects a text that contains a stray character.
 *
 * @throws TypeError that names the character and its position, and shows nothing else of the text.
 */
export function assertNoStrayCharacter(name: string, text: string): void {
  const stray = strayCharacter(text);
  if (stray !== undefined) throw new TypeError(`${name} must not ${stray}`);
}

function isQuoted(text: string): boolean {
  return ASCII_QUOTES.test(text) || TYPOGRAPHIC_QUOTES.test(text);
}

function isAllowedInside(character: string): boolean {
  const name = nameOf(character);
  return name === undefined || name === 'white space' || JOINER.test(character) || VARIATION_SELECTOR.test(character);
}

/** Returns the class of an unprintable character with its code point; `undefined` for a printable character. */
function classOf(character: string): string | undefined {
  const name = nameOf(character);
  const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  return name === undefined ? undefined : `${name} (U+${code})`;
}

function nameOf(character: string): string | undefined {
  if (INVISIBLE.test(character)) return 'an invisible character';
  if (WHITE_SPACE.test(character)) return 'white space';
  if (CONTROL.test(character)) return 'a control character';
  return LONE_SURROGATE.test(character) ? 'half a surrogate pair' : undefined;
}
