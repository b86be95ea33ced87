const RANDOM_BYTES = 16;
const LENGTH_BYTES = 4;
const MESSAGE_AT: number = RANDOM_BYTES + LENGTH_BYTES;
/** The padding is that of PKCS#7 for blocks of 32 bytes, although those of AES have 16. */
const PADDED_TO = 32;

/**
 * Returns the frame in which a message is encrypted: random bytes, the length of the message, the message, the id of its
 * receiver, padding.
 *
 * @param random - 16 unpredictable bytes, which no other message has.
 */
export function framed(message: Uint8Array, receiverId: string, random: Uint8Array): Buffer {
  if (random.length !== RANDOM_BYTES) {
    throw new TypeError(`random must be ${RANDOM_BYTES} bytes, got ${random.length}`);
  }
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.length);
  const parts = [random, length, message, Buffer.from(receiverId)];
  const padding = PADDED_TO - (parts.reduce((sum, part) => sum + part.length, 0) % PADDED_TO);
  return Buffer.concat([...parts, Buffer.alloc(padding, padding)]);
}

/** Returns whether a frame can have this length. */
export function isFrameLength(length: number): boolean {
  return length > 0 && length % PADDED_TO === 0;
}

/**
 * Returns the message of a frame; `undefined` for bytes that are no frame of a message to this receiver. WeChat's sample
 * code takes wrong padding for none; here the padding must be exact, like everything else.
 *
 * @param frame - bytes of which {@link isFrameLength} holds.
 */
export function messageOf(frame: Buffer, receiverId: string): Buffer | undefined {
  const padding = frame.at(-1) ?? 0;
  if (padding < 1 || padding > PADDED_TO) return undefined;
  if (!frame.subarray(-padding).every((byte) => byte === padding)) return undefined;
  const receiver = Buffer.from(receiverId);
  const end = frame.length - padding - receiver.length;
  if (frame.readUInt32BE(RANDOM_BYTES) !== end - MESSAGE_AT) return undefined;
  return frame.subarray(end, -padding).equals(receiver) ? frame.subarray(MESSAGE_AT, end) : undefined;
}
