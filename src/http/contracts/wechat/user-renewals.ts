import { RateLimiters } from '../../../core/concurrency/rate-limit.js';
import { APP_READ_RATES, type ReadOutcome, VainReads } from '../../../core/concurrency/vain-reads.js';
import { isAppid } from '../../../core/model/token-key.js';
import { senderNetwork } from '../../access/sender-network.js';
import type { HttpRequest } from '../../messages/http-message.js';
import type { RequestContext } from '../../routing/request-context.js';
import { RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import { ERRCODES, refusedWith } from './wechat-answers.js';

type Services = Pick<RouteServices, 'registry' | 'clock' | 'start'>;

const PER_SECOND = 20;
const MAX_RATED_APPS = 10_000;

/** Judges the renewals of users' tokens, which need no secret. What they can cost the server and the app is limited. */
export class UserRenewals {
  readonly #services: Services;
  readonly #rates = new RateLimiters(PER_SECOND, MAX_RATED_APPS, PER_SECOND);
  readonly #appReads: VainReads;

  constructor(services: Services) {
    this.#services = services;
    this.#appReads = new VainReads(services.clock, APP_READ_RATES);
  }

  /**
   * Returns the app of a renewal.
   *
   * @throws RouteFailure for a renewal that may not be made.
   */
  async appOf(context: RequestContext, appid: string | undefined): Promise<string> {
    if (appid === undefined) throw refusedWith(ERRCODES.noAppid, 'appid missing');
    // A body that arrives slowly would keep one of the calls that the app may have in progress.
    if (context.arrivingBody() !== undefined) {
      throw refusedWith(ERRCODES.invalidBody, 'a renewal has its parameters in the query, and no body');
    }
    await this.#assertRegistered(appid, context.request);
    if (this.#rates.of(appid).reserve(this.#services.clock.monotonic()) > 0) {
      throw new RouteFailure({ status: 429, message: `this app may renew ${PER_SECOND} tokens a second` });
    }
    return appid;
  }

  /** Refuses an unknown app. The reads of the store are limited, because no credential is needed to cause them. */
  async #assertRegistered(appid: string, request: HttpRequest): Promise<void> {
    const { registry } = this.#services;
    if (registry.hasApp(appid)) return;
    if (!isAppid(appid)) throw refusedWith(ERRCODES.invalidAppid, 'invalid appid');
    const read = (): Promise<boolean> => isRegistered(appid, this.#services);
    const found = registry.holdsAll ? await read() : await this.#appReads.run(senderNetwork(request), read, outcomeOf);
    if (found === undefined) {
      throw new RouteFailure({ status: 429, message: 'too many apps that are not in memory are being looked up' });
    }
    if (!found) throw refusedWith(ERRCODES.invalidAppid, 'invalid appid');
  }
}

const outcomeOf = (isFound: boolean): ReadOutcome => (isFound ? 'found' : 'vain');

/** Returns whether an app is registered, by the store if it is not in memory. */
export async function isRegistered(
  appid: string,
  { registry, start }: Pick<Services, 'registry' | 'start'>,
): Promise<boolean> {
  if (registry.hasApp(appid)) return true;
  await start();
  if (!registry.holdsAll) await registry.loadApp(appid);
  return registry.hasApp(appid);
}
