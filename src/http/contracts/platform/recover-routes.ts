import { engineOf } from '../../../core/engine/engine-of.js';
import { TokenError } from '../../../core/model/errors.js';
import { Recoveries } from '../../../platform/recovery/recoveries.js';
import { errorOf, type Recovery } from '../../../platform/recovery/recovery-documents.js';
import { type HttpAnswer, jsonAnswer } from '../../messages/http-message.js';
import { problemDetails } from '../../routing/problem-details.js';
import type { RequestContext } from '../../routing/request-context.js';
import { badRequest, RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import type { Route } from '../../routing/router.js';

/** The time within which a request is answered, which is shorter than what proxies and clients wait. */
const ANSWER_WITHIN_MS = 25_000;

/**
 * Creates the routes of the recovery of authorizers. Their param is named `appid`, because access may be limited to the
 * platform.
 */
export function recoverRoutes({ manager, refreshes }: Pick<RouteServices, 'manager' | 'refreshes'>): readonly Route[] {
  let recoveries: Recoveries | undefined;
  const opened = (): Recoveries => {
    recoveries ??= new Recoveries(engineOf(manager), manager);
    return recoveries;
  };
  const route = { path: '/platform/:appid/recover', scope: 'register', contract: problemDetails } as const;
  return [
    { ...route, methods: ['POST'], changes: true, answer: (context) => recover(context, opened(), refreshes) },
    { ...route, methods: ['GET'], changes: false, answer: (context) => show(context, opened()) },
  ];
}

/** Begins a recovery, or joins the one that is under way, and answers with its outcome; with its progress if that takes longer. */
async function recover(context: RequestContext, recoveries: Recoveries, refreshes: boolean): Promise<HttpAnswer> {
  const component = context.param('appid');
  if (!refreshes) {
    throw new TokenError('REFRESH_DISABLED', 'this process does not refresh: ask another one', { appid: component });
  }
  const recovery = await recoveries.complete(component, ANSWER_WITHIN_MS);
  if (recovery?.failure !== undefined) throw errorOf(recovery.failure, component);
  if (recovery === undefined || recovery.state === 'interrupted') {
    throw new RouteFailure({ status: 503, message: 'the recovery was interrupted: begin it again' });
  }
  return jsonAnswer(recovery.state === 'running' ? 202 : 200, shown(recovery));
}

async function show(context: RequestContext, recoveries: Recoveries): Promise<HttpAnswer> {
  const component = context.param('appid');
  const waitMs = waitIn(context);
  const last = await recoveries.last(component);
  const recovery = last?.state === 'running' && waitMs > 0 ? await recoveries.ended(component, waitMs) : last;
  if (recovery === undefined) {
    throw new RouteFailure({ status: 404, message: `no recovery of ${component} has begun yet` });
  }
  return jsonAnswer(200, shown(recovery));
}

/** Returns the time for which a request wants to wait for the end of a recovery. */
function waitIn(context: RequestContext): number {
  const text = context.query('wait');
  if (text === undefined) return 0;
  const waitMs = /^\d{1,2}$/.test(text) ? Number(text) * 1_000 : Number.NaN;
  if (waitMs <= ANSWER_WITHIN_MS) return waitMs;
  throw badRequest(`wait must be 0 to ${ANSWER_WITHIN_MS / 1_000} seconds`);
}

function shown(recovery: Recovery): object {
  const { state, startedAt, endedAt, total, present, restored, needAuthorization, failure } = recovery;
  const { code, message: detail, errcode } = failure ?? {};
  return { state, startedAt, endedAt, total, present, restored, needAuthorization, code, detail, errcode };
}
