/**
 * The length of the pieces that are hidden. Ordinary words share no piece of this length with a secret, and a shorter
 * piece does not make the rest guessable.
 */
const PIECE = 12;
const MOST_LAYERS = 3;
/** The prefix of WeChat's tickets and refresh tokens, which is not secret: `ticket@@@...`. */
const PREFIX = /^[a-z]+@@@/;
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', quot: '"', lt: '<', gt: '>', '#39': "'", apos: "'" };

/**
 * Hides pieces of secrets in a text: at least 12 characters in upper or lower case, also of a secret that was cut off or
 * broken in two, and behind up to three layers of percent-encoding, JSON or HTML. If a secret is found behind a layer,
 * the text is returned decoded.
 */
export function hidePieces(text: string, secrets: readonly string[]): string {
  const pieces = piecesOf(secrets);
  let hidden = mask(text, pieces);
  let layer = text;
  for (let depth = 0; depth < MOST_LAYERS; depth++) {
    const inner = decoded(layer);
    if (inner === layer) break;
    layer = inner;
    const masked = mask(layer, pieces);
    if (masked !== layer) hidden = masked;
  }
  return hidden;
}

function piecesOf(secrets: readonly string[]): ReadonlySet<string> {
  const pieces = new Set<string>();
  for (const secret of secrets) {
    const lower = lowerCase(secret.replace(PREFIX, ''));
    for (let start = 0; start + PIECE <= lower.length; start++) pieces.add(lower.slice(start, start + PIECE));
  }
  return pieces;
}

function mask(text: string, pieces: ReadonlySet<string>): string {
  const lower = lowerCase(text);
  let masked = '';
  let shownTo = 0;
  let hiddenTo = 0;
  for (let start = 0; start + PIECE <= lower.length; start++) {
    if (!pieces.has(lower.slice(start, start + PIECE))) continue;
    if (start > hiddenTo || hiddenTo === 0) masked += `${text.slice(shownTo, start)}[redacted]`;
    hiddenTo = start + PIECE;
    shownTo = hiddenTo;
  }
  return masked + text.slice(shownTo);
}

/** Converts ASCII letters to lower case. `toLowerCase` alone would change the length for some other letters. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function decoded(text: string): string {
  return text
    .replace(/(?:%[0-9a-f]{2})+/gi, percentDecoded)
    .replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\(["'\\/])/g, '$1')
    .replace(/&(amp|quot|lt|gt|#39|apos);/g, (_, name: string) => ENTITIES[name] as string);
}

function percentDecoded(codes: string): string {
  try {
    return decodeURIComponent(codes);
  } catch {
    return codes;
  }
}
