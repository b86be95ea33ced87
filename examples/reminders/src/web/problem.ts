/** Tells the client in an answer what it did wrong, or what it has to wait for. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
  }
}

export const unauthorized = (): Problem =>
  new Problem(401, 'unauthorized', 'this needs "Authorization: Bearer <session>", with a session from POST /sessions');
export const notFound = (): Problem => new Problem(404, 'not_found', 'there is no such reminder of yours');
export const unavailable = (): Problem => new Problem(503, 'unavailable', 'the store is not available: try again');
