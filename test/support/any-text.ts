import fc from 'fast-check';

const SURROGATES_FROM = 0xd800;
const SURROGATES = 0x800;
const CODE_POINTS = 0x110000;

function codePointOf(text: unknown): number {
  const point = typeof text === 'string' ? (text.codePointAt(0) ?? -1) : -1;
  const isSurrogate = point >= SURROGATES_FROM && point < SURROGATES_FROM + SURROGATES;
  if (point < 0 || isSurrogate || text !== String.fromCodePoint(point)) throw new Error('no single code point');
  return point;
}

/**
 * Any code point but the surrogates, as the unit `binary` of fast-check, which builds a table of all of them first: a
 * second in each process.
 */
export const anyCodePoint = fc.integer({ min: 0, max: CODE_POINTS - SURROGATES - 1 }).map(
  (place) => String.fromCodePoint(place < SURROGATES_FROM ? place : place + SURROGATES),
  (text) => {
    const point = codePointOf(text);
    return point < SURROGATES_FROM ? point : point - SURROGATES;
  },
);
