import { PairTrials, type TrialOutcome } from '../../../gateway/pair-trials.js';
import { type Refusal, wholeSeconds } from '../../access/refusal.js';
import type { RequestContext } from '../../routing/request-context.js';
import { RouteFailure } from '../../routing/route-failure.js';
import type { RouteServices } from '../../routing/route-services.js';
import { ERRCODES, refusedWith } from './wechat-answers.js';

type Services = Pick<
  RouteServices,
  'secrets' | 'coldLookups' | 'peers' | 'manager' | 'autoRegisters' | 'gateway' | 'clock'
>;

/** Checks pairs of appid and secret. Those of unknown apps are tried at WeChat where that is switched on. */
export class PairCheck {
  readonly #services: Services;
  readonly #trials: PairTrials;

  constructor(services: Services) {
    this.#services = services;
    this.#trials = new PairTrials(services.gateway, services.clock);
  }

  /**
   * Returns the appid of a pair that is that of a registered app, and registers it if the caller may and WeChat accepts it.
   *
   * @throws RouteFailure for any other pair, with the code that WeChat gives; a `TokenError` if the store fails.
   */
  async appOf(context: RequestContext, appid: string | undefined, secret: string | undefined): Promise<string> {
    if (appid === undefined) throw refusedWith(ERRCODES.noAppid, 'appid missing');
    if (secret === undefined) throw refusedWith(ERRCODES.noSecret, 'appsecret missing');
    const { secrets, peers } = this.#services;
    const { peer } = context.request;
    const refusal = await secrets.refusal(peer, appid, secret);
    if (refusal !== undefined) {
      await this.#tryPair(context, appid, secret, refusal);
      if (refusal.reason === 'secret') peers.refused.giveBack(peer);
    }
    peers.accepted?.note(context.request);
    return appid;
  }

  async #tryPair(context: RequestContext, appid: string, secret: string, refusal: Refusal): Promise<void> {
    const { autoRegisters, manager } = this.#services;
    // The refusals that an address has used up keep no caller with the right from its trial, which has limits of its own: they may
    // be those of another program on the same host, or behind the same proxy.
    const mayRegister = autoRegisters && context.may('register', appid);
    if (!mayRegister) throw this.#failureFor(appid, refusal, autoRegisters);
    const outcome = await this.#trials.try(appid, secret);
    if (outcome !== 'accepted') throw notAccepted(outcome);
    await manager.register({ appid, secret });
  }

  /**
   * Returns the answer to a pair that is refused.
   *
   * @param lacksRight - whether a caller with the right to register could have the pair tried at WeChat.
   */
  #failureFor(
    appid: string,
    { reason, status, message, retryAfterSeconds }: Refusal,
    lacksRight: boolean,
  ): RouteFailure {
    if (reason !== 'secret') {
      return new RouteFailure({ status, message, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) });
    }
    if (this.#services.coldLookups.holdsApp(appid)) return refusedWith(ERRCODES.invalidSecret, 'invalid appsecret');
    // The caller may have given its key in the address of the server, where some HTTP clients drop it.
    const why = lacksRight ? ', and the request came without a key that may register it' : '';
    return refusedWith(ERRCODES.invalidAppid, `invalid appid: it is not registered at this server${why}`);
  }
}

/**
 * Returns the failure for a pair that WeChat has not accepted. One that was not judged is not called wrong: SDKs take an invalid
 * appid or secret for a mistake in their settings, and some never ask again.
 */
function notAccepted(outcome: Exclude<TrialOutcome, 'accepted'>): RouteFailure {
  if (outcome === 'unanswered') {
    return new RouteFailure({
      status: 503,
      message: 'WeChat has not answered whether it accepts this appid and secret',
    });
  }
  if ('errcode' in outcome) return refusedWith(outcome.errcode, outcome.errmsg);
  const { reason, retryAfterMs } = outcome;
  return new RouteFailure({ status: 429, message: reason, retryAfterSeconds: wholeSeconds(retryAfterMs) });
}
