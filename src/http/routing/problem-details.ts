import { type Failure, retryAfterOf } from '../messages/error-status.js';
import { type HttpAnswer, jsonAnswer } from '../messages/http-message.js';
import type { Contract } from './router.js';

/** The contract whose failures are problem documents of RFC 9457, with the `code` of the `TokenError`. */
export const problemDetails: Contract = {
  fail(failure: Failure): HttpAnswer {
    const { status, message, code, errcode } = failure;
    const problem = { type: 'about:blank', status, detail: message, code, errcode };
    return jsonAnswer(status, problem, { ...retryAfterOf(failure), 'Content-Type': 'application/problem+json' });
  },
};
