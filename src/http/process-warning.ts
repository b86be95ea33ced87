/**
 * Emits an error as a warning of the process. Name and message are passed separately, because `process.emitWarning`
 * throws for an error of another realm.
 */
export function warnProcess({ name, message }: Error): void {
  process.emitWarning(message, { type: name });
}
