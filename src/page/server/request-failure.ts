import { situationOf } from '../tasks/advice.js';
import type { Situation } from '../words/advice-texts.js';

export interface RequestFailure {
  readonly situation: Situation;
  /** The message of the server. */
  readonly detail: string;
  readonly status?: number;
  readonly retryAfterMs?: number;
}

/** Returns the answer to a request that no server has answered. */
export function unreachable(): { failure: RequestFailure } {
  return { failure: { situation: 'unreachable', detail: '' } };
}

interface Problem {
  readonly detail?: unknown;
  readonly code?: unknown;
  readonly errcode?: unknown;
}

/**
 * Returns what a failed request says.
 *
 * @param type - the type of the token that was requested, by which WeChat's codes are understood.
 */
export async function failureIn(response: Response, type = ''): Promise<RequestFailure> {
  const { status, headers } = response;
  const { detail, code, errcode } = await problemIn(response);
  const seconds = Number(headers.get('Retry-After') ?? '');
  const message = typeof detail === 'string' ? detail : `HTTP ${status}`;
  const known = {
    code: typeof code === 'string' ? code : undefined,
    errcode: typeof errcode === 'number' ? errcode : undefined,
    message,
  };
  return {
    situation: known.code === undefined ? situationOfStatus(status) : situationOf(known, type),
    detail: message,
    status,
    ...(seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {}),
  };
}

/** Reads the problem document of an answer, if it is one. A proxy may have answered instead of the server, with any content. */
async function problemIn(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json();
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    return {};
  }
}

function situationOfStatus(status: number): Situation {
  if (status === 401) return 'noKey';
  if (status === 403) return 'scope';
  if (status === 404) return 'gone';
  if (status === 429) return 'tooMany';
  return status === 502 || status === 503 || status === 504 ? 'unreachable' : 'unknown';
}
