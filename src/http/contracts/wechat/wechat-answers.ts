import { type Failure, retryAfterOf } from '../../messages/error-status.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { RouteFailure } from '../../routing/route-failure.js';
import type { Contract } from '../../routing/router.js';

/** The codes with which WeChat refuses requests, as far as this server refuses them itself. */
export const ERRCODES = {
  /** A failure of this server, or of WeChat. SDKs keep their token, and may try again. */
  failed: -1,
  /** A token that is not of this server, or may not be used any more. */
  invalidToken: 40_001,
  invalidGrantType: 40_002,
  invalidAppid: 40_013,
  invalidUrl: 40_066,
  invalidSecret: 40_125,
  noAppid: 41_002,
  noSecret: 41_004,
  tooFrequent: 45_011,
  tooLarge: 45_002,
  invalidBody: 47_001,
} as const;

const ERRCODE_OF_STATUS: ReadonlyMap<number, number> = new Map([
  [400, ERRCODES.invalidBody],
  [404, ERRCODES.invalidUrl],
  [405, ERRCODES.invalidUrl],
  [413, ERRCODES.tooLarge],
  [415, ERRCODES.invalidBody],
  [429, ERRCODES.tooFrequent],
]);

/**
 * The contract whose failures look like those of WeChat: status 200 with an `errcode`. The errors of some SDKs contain the URL
 * with its token for any other status, so that only a method that no SDK sends is answered with one.
 */
export const wechatAnswers: Contract = {
  fail(failure: Failure): HttpAnswer {
    const { status, message, code } = failure;
    const answer = { errcode: errcodeOf(failure), errmsg: code === undefined ? message : `${code}: ${message}` };
    return jsonAnswer(status === 405 ? 405 : 200, answer, retryAfterOf(failure));
  },
};

function errcodeOf({ status, code, errcode }: Failure): number {
  if (code !== undefined) return code === 'NOT_REGISTERED' ? ERRCODES.invalidAppid : ERRCODES.failed;
  return errcode ?? ERRCODE_OF_STATUS.get(status) ?? ERRCODES.failed;
}

/** Returns the failure of a request that WeChat would refuse with this code as well. */
export function refusedWith(errcode: number, message: string): RouteFailure {
  return new RouteFailure({ status: 400, errcode, message });
}
