/**
 * Emits an error as a warning of the process. It is taken apart, because `process.emitWarning` throws for an error of another
 * realm than its own.
 */
export function warnProcess({ name, message }: Error): void {
  process.emitWarning(message, { type: name });
}
