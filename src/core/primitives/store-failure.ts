/**
 * Reports a failure of a store of this package, in words of its own that hold nothing of a document, a command or a URL, so
 * that users may be told. Of any other error only its class and code are passed on.
 */
export class StoreFailure extends Error {
  readonly #isOurs = true;
  override readonly name: string = 'StoreFailure';
  /** The code that the server or the system gives the failure. */
  readonly code: string | undefined;

  static is(error: unknown): error is StoreFailure {
    return typeof error === 'object' && error !== null && #isOurs in error;
  }

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}
