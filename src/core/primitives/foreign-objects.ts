/*
 * Objects of another realm (a test runner's VM context), of another copy of a package or of a polyfill are not instances of
 * the classes that this module sees, so they are told by their shape. No function here throws, whatever it is given.
 */

/** Returns a member of an object; `undefined` where there is none, or it cannot be read. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/** Tells whether this is a proxy that was revoked, which throws at any look. */
export function isRevoked(value: unknown): boolean {
  return isArrayIfReadable(value) === undefined;
}

/** Tells whether this is an array of any realm. */
export function isArray(value: unknown): value is readonly unknown[] {
  return isArrayIfReadable(value) === true;
}

/** Tells an array. The result is used even where only the failure counts: a bundler leaves out a call whose result is not. */
function isArrayIfReadable(value: unknown): boolean | undefined {
  try {
    return Array.isArray(value);
  } catch {
    return undefined;
  }
}

/** Tells whether all these members are functions. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof memberOf(value, name) === 'function');
}

/** Tells whether this is an error of any realm, a `DOMException` included. */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error || /^(?:Error|DOMException)$/.test(tagOf(value));
  } catch {
    return false;
  }
}

/** Tells whether this is a `TypeError` of any realm. */
export function isTypeError(value: unknown): value is TypeError {
  return isError(value) && (value instanceof TypeError || memberOf(value, 'name') === 'TypeError');
}

/** Returns the errors of an `AggregateError` of any realm; `undefined` where the value is none. */
export function errorsIn(value: unknown): readonly unknown[] | undefined {
  const errors = isError(value) ? memberOf(value, 'errors') : undefined;
  return isArray(errors) ? errors : undefined;
}

/** Tells whether this is a promise of any implementation. */
export function isPromise<Result>(value: Result | Promise<Result>): value is Promise<Result> {
  return typeof memberOf(value, 'then') === 'function';
}

/** Tells whether this is an `AbortSignal` of any realm or polyfill. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const isAborted = memberOf(value, 'aborted');
  return typeof isAborted === 'boolean' && hasMethods(value, 'addEventListener', 'removeEventListener');
}

/** Returns the bytes of a `Buffer`, a typed array or an `ArrayBuffer`, without a copy; `undefined` for anything else. */
export function bytesIn(value: unknown): Uint8Array | undefined {
  try {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return tagOf(value) === 'ArrayBuffer' ? new Uint8Array(value as ArrayBuffer) : undefined;
  } catch {
    return undefined;
  }
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
