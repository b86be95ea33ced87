/*
 * Objects of another realm (a test runner's VM context), of another copy of a package or of a polyfill are not
 * instances of the classes that this module sees, so these functions recognize them by their shape. None of them
 * throws, whatever the argument.
 */

/** Returns a member of an object; `undefined` if it is absent or cannot be read. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/** Returns whether a value is a revoked proxy, which throws on every access. */
export function isRevoked(value: unknown): boolean {
  return isArrayIfReadable(value) === undefined;
}

/** Returns whether a value is an array of any realm. */
export function isArray(value: unknown): value is readonly unknown[] {
  return isArrayIfReadable(value) === true;
}

/**
 * Returns whether a value is an array; `undefined` for a revoked proxy. {@link isRevoked} compares the result instead
 * of only catching the error, because a bundler may remove a call whose result is unused.
 */
function isArrayIfReadable(value: unknown): boolean | undefined {
  try {
    return Array.isArray(value);
  } catch {
    return undefined;
  }
}

/** Returns whether all of these members are functions. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  return names.every((name) => typeof memberOf(value, name) === 'function');
}

/** Returns whether a value is an error of any realm, including a `DOMException`. */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error || /^(?:Error|DOMException)$/.test(tagOf(value));
  } catch {
    return false;
  }
}

/** Returns whether a value is a `TypeError` of any realm. */
export function isTypeError(value: unknown): value is TypeError {
  return isError(value) && (value instanceof TypeError || memberOf(value, 'name') === 'TypeError');
}

/** Returns the errors of an `AggregateError` of any realm; `undefined` for any other value. */
export function errorsIn(value: unknown): readonly unknown[] | undefined {
  const errors = isError(value) ? memberOf(value, 'errors') : undefined;
  return isArray(errors) ? errors : undefined;
}

/** Returns whether a value is a promise of any implementation. */
export function isPromise<Result>(value: Result | Promise<Result>): value is Promise<Result> {
  return typeof memberOf(value, 'then') === 'function';
}

/** Returns whether a value is an `AbortSignal` of any realm or polyfill. */
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
