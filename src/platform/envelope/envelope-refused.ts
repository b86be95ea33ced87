/**
 * Reports that a push or its encrypted message cannot be read. The message shows nothing of either. All reasons for which
 * a message cannot be decrypted have one message, so that a sender cannot learn from it which step failed.
 */
export class EnvelopeRefused extends Error {
  override readonly name: string = 'EnvelopeRefused';
}
