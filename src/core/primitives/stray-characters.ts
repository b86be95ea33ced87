const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** They are part of the printed character before them. At the end of a secret they come with a copied text. */
const VARIATION_SELECTOR = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
/** They stand between characters of scripts and emoji, where they show. */
const JOINER = /[\u200c\u200d]/;
const WHITE_SPACE = /[\s\u0085]/;
const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;

/** The form of nearly all secrets: printable ASCII, with no space at an end and no quotation mark at its beginning. */
const PLAIN = /^[!#-&(-_a-~](?:[ -~]*[!-~])?$/;

/** ASCII quotation marks count as quotes only when both ends have the same one: either may begin a random secret. */
const ASCII_QUOTES = /^(["'`])[\s\S]*\1$/;
const OTHER_QUOTES = '[\u00ab\u00bb\u2018-\u201f\u2039\u203a\u300a-\u300f\u301d-\u301f\uff02\uff07\uff62\uff63]';
const TYPOGRAPHIC_QUOTES = new RegExp(`^${OTHER_QUOTES}[\\s\\S]*${OTHER_QUOTES}$`);

/**
 * Returns what a text copied from a file, a page or a shell has too much, in words that follow "must not", such as
 * `end with white space (U+000A)`; `undefined` for a text without such. The words name the class, the code point and the
 * place of the character, and show nothing else of the text, which may be a secret.
 *
 * At its ends a text may have neither white space nor control or invisible characters, nor stand in quotation marks.
 * Inside, printable characters and white space are allowed, since keys in PEM have line feeds.
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
  return index === -1 ? undefined : `hold ${classOf(characters[index] as string)} as character ${index + 1}`;
}

/**
 * @throws TypeError naming what is wrong with the ends or the inside of the text, and nothing else of it.
 */
export function assertNoStrayCharacter(name: string, text: string): void {
  const stray = strayCharacter(text);
  if (stray !== undefined) throw new TypeError(`${name} must not ${stray}`);
}

function isQuoted(text: string): boolean {
  return text.length > 1 && (ASCII_QUOTES.test(text) || TYPOGRAPHIC_QUOTES.test(text));
}

function isAllowedInside(character: string): boolean {
  const name = nameOf(character);
  return name === undefined || name === 'white space' || JOINER.test(character) || VARIATION_SELECTOR.test(character);
}

/** Returns the class of a character that does not show, with its code point. */
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
