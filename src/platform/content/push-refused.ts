/**
 * Reports that a push is not accepted, with the HTTP status of the answer. The message shows nothing of the push, whose
 * sender may be anyone.
 */
export class PushRefused extends Error {
  override readonly name: string = 'PushRefused';
  readonly status: 400 | 401 | 404 | 429;

  constructor(status: PushRefused['status'], message: string) {
    super(message);
    this.status = status;
  }
}
