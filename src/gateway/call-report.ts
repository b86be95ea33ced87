import { requestIdIn } from '../wechat/request-id.js';
import type { UpstreamAnswer } from './answer-receiver.js';
import type { AnswerStream } from './answer-stream.js';

/**
 * The outcome of a call of WeChat's API that a token server has made for a program. It holds no query, no body and no token.
 *
 * @public
 */
export interface CallReport {
  /** The app whose token the call carried. */
  readonly appid: string;
  /** The id of the API key of the caller. */
  readonly keyId?: string;
  /** The method. */
  readonly method: 'GET' | 'POST';
  /** The path at WeChat, without its query. */
  readonly path: string;
  /** The HTTP status of the answer. */
  readonly status: number;
  /** The `errcode` of WeChat's answer, where it has one. */
  readonly errcode?: number;
  /** The id of the request in WeChat's `errmsg`, for questions to WeChat. */
  readonly rid?: string;
  /** The reason for which there is no answer of WeChat. */
  readonly failure?: string;
  /** The time from the request to the end of the answer, in whole milliseconds. */
  readonly durationMs: number;
  /** The length of the answer in bytes. */
  readonly bytes: number;
}

const MAX_READ = 1_024;
const ERRCODE = /"errcode"\s*:\s*"?(-?\d{1,9})/;

/** Returns the errcode and the request id of an answer that is held whole. */
export function codesIn({ body }: UpstreamAnswer): Pick<CallReport, 'errcode' | 'rid'> {
  if (!Buffer.isBuffer(body) || !body.includes('"errcode"')) return {};
  const text = body.toString('latin1', 0, MAX_READ);
  const errcode = ERRCODE.exec(text)?.[1];
  const rid = requestIdIn(text);
  return { ...(errcode !== undefined && { errcode: Number(errcode) }), ...(rid !== undefined && { rid }) };
}

/** Calls `measured` with the length of an answer, and whether it broke: at once if it is whole, else when the stream is over. */
export function measure(body: Buffer | AnswerStream, measured: (bytes: number, isBroken: boolean) => void): void {
  if (Buffer.isBuffer(body)) measured(body.length, false);
  else body.whenOver((error) => measured(body.bytes, error !== undefined));
}
