/**
 * Reports a failure of a store of this package. Its message contains nothing of a document, a command or a URL, so it
 * may be shown to users; of any other error only the class and the code are passed on.
 */
export class StoreFailure extends Error {
  readonly #isOurs = true;
  override readonly name: string = 'StoreFailure';
  /** The code of the failure, as the server or the operating system reports it. */
  readonly code: string | undefined;

  static is(error: unknown): error is StoreFailure {
    return typeof error === 'object' && error !== null && #isOurs in error;
  }

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}
