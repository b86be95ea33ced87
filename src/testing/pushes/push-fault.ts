/**
 * A fault in a push that is proper otherwise: it is signed with another token (`wrong-signature`), or encrypted for another
 * app (`other-receiver`); its body ends early, at a random place (`cut`); or this number of random bytes of the message are
 * others, and it is encrypted and signed as they are (`garbledBytes`). The fake's clock is the source of randomness.
 *
 * @public
 */
export type FakePushFault = 'wrong-signature' | 'other-receiver' | 'cut' | { readonly garbledBytes: number };

/** Returns a copy of a message in which random bytes are others. */
export function garbled(message: Uint8Array, count: number, random: () => number): Buffer {
  const bytes = Buffer.from(message);
  const changed = new Set<number>();
  while (changed.size < Math.min(count, bytes.length)) {
    let at = Math.floor(random() * bytes.length);
    // The next byte that is still the same: a constant source of randomness must not stop here.
    while (changed.has(at)) at = (at + 1) % bytes.length;
    changed.add(at);
    bytes[at] = ((bytes[at] as number) + 1 + Math.floor(random() * 255)) % 256;
  }
  return bytes;
}

/** Returns the beginning of a body. */
export function cut(body: Uint8Array, random: () => number): Buffer {
  return Buffer.from(body.subarray(0, Math.floor(random() * body.length)));
}
