import { onOneLine } from '../../core/primitives/redact.js';

/** Escapes foreign text to one line, so that it cannot control the terminal. */
export function shown(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? onOneLine(String(value)) : '';
}
