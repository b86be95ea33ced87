import { isJsonObject } from './json.js';
import { describeKind, describeValue } from './redact.js';

/** Refuses names that nobody knows, so that a misspelt option does not pass for an absent one. */
export function assertNames(value: unknown, known: readonly string[], what: string): void {
  if (!isJsonObject(value)) throw new TypeError(`${what} must be an object, got ${describeKind(value)}`);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`${what}: there is no ${describeValue(unknown)}, only ${known.join(', ')}`);
}

export function assertNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== 'number' || !(value >= least && value <= most)) {
    throw new TypeError(`${name} must be a number from ${least} to ${most}, got ${describeValue(value)}`);
  }
}

export function assertInteger(name: string, value: unknown, least: number, most: number): void {
  assertNumber(name, value, least, most);
  if (!Number.isInteger(value)) throw new TypeError(`${name} must be a whole number, got ${describeValue(value)}`);
}
