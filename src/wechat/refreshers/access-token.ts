import type { Clock } from '../../core/concurrency/clock.js';
import type { Grant, RefreshContext, Refresher } from '../../core/model/refresher.js';
import { grantFromAnswer } from './grant-from-answer.js';
import { secretOf } from './secret-of.js';

const RENEWAL_WINDOW_SECONDS = 300;
const FORCE_LIMIT = { everyMs: 30_000, perDay: 20 };

/**
 * Creates the refresher of `access_token`, in the mode of the app, stable or plain.
 *
 * @see https://developers.weixin.qq.com/doc/subscription/api/base/api_getstableaccesstoken.html
 * @see https://developers.weixin.qq.com/doc/subscription/api/base/api_getaccesstoken.html
 */
export function createAccessTokenRefresher(clock: Pick<Clock, 'random'>): Refresher<'access_token'> {
  return {
    type: 'access_token',
    async refresh(context) {
      if (context.app.accessToken === 'plain') return askPlain(context);
      const grant = await askStable(context, false);
      const answer = (await mustForce(context, grant)) ? await askStable(context, true) : grant;
      const { expiresInSeconds } = answer;
      if (typeof expiresInSeconds !== 'number' || !(expiresInSeconds > 0)) return answer;
      return { ...answer, dueInSeconds: dueInSeconds(expiresInSeconds, clock.random()) };
    },
  };
}

async function askPlain(context: RefreshContext): Promise<Grant> {
  const query = { grant_type: 'client_credential', appid: context.app.appid, secret: secretOf(context.app) };
  return grantFromAnswer(await context.request({ method: 'GET', path: '/cgi-bin/token', query }), 'access_token');
}

async function askStable(context: RefreshContext, force: boolean): Promise<Grant> {
  const body = {
    grant_type: 'client_credential',
    appid: context.app.appid,
    secret: secretOf(context.app),
    force_refresh: force,
  };
  const answer = await context.request({ method: 'POST', path: '/cgi-bin/stable_token', body });
  return grantFromAnswer(answer, 'access_token');
}

/**
 * Returns whether to force a new token. WeChat permits this twenty times a day, so that it is used only when WeChat
 * repeats the very token that is to be replaced.
 */
async function mustForce(context: RefreshContext, grant: Grant): Promise<boolean> {
  if (context.reason !== 'stale' && context.reason !== 'forced') return false;
  const replaced = context.stale ?? context.previous?.value;
  return grant.value === replaced && (await context.allow('force_refresh', FORCE_LIMIT));
}

/**
 * Returns the seconds until the refresh. WeChat repeats its token until shortly before its expiry, and then issues a new
 * one. Any time in that window works, except its first moments, when the clocks may differ, and its last.
 */
function dueInSeconds(lifeSeconds: number, random: number): number {
  const windowSeconds = Math.min(RENEWAL_WINDOW_SECONDS, lifeSeconds / 2);
  return lifeSeconds - windowSeconds * (0.4 + 0.5 * random);
}
