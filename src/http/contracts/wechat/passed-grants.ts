import type { Grant } from '../../../core/model/refresher.js';
import { tokenKey } from '../../../core/model/token-key.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/primitives/json.js';
import { contentOf } from '../../../gateway/answer-content.js';
import type { GatewayAnswer } from '../../../gateway/gateway.js';
import type { KnownTokens } from '../../../gateway/tokens/known-tokens.js';
import type { RouteServices } from '../../routing/route-services.js';
import { AUTHORIZER_TYPE, USER_TYPE } from './token-types.js';

type Services = Pick<RouteServices, 'manager' | 'clock'>;

/** Keeps the tokens in WeChat's answers to calls that pass, so that callers may present them afterwards. */
export class PassedGrants {
  readonly #services: Services;
  readonly #known: KnownTokens;

  constructor(services: Services, known: KnownTokens) {
    this.#services = services;
    this.#known = known;
  }

  /** Remembers the token of a user for its life. It is not stored itself. */
  async rememberUser(answer: GatewayAnswer, appid: string): Promise<void> {
    const { access_token: value, expires_in, openid } = contentOf(answer);
    const seconds = secondsIn(expires_in);
    if (typeof value !== 'string' || value === '' || seconds === undefined) return;
    const obtainedAt = this.#services.clock.now();
    const key = tokenKey(appid, USER_TYPE, typeof openid === 'string' ? openid : undefined);
    await this.#known.handOut(value, { key, obtainedAt, expiresAt: obtainedAt + seconds * 1_000 });
  }

  /** Stores the grant of an authorizer in the answer to an exchanged authorization code. */
  async storeExchangedGrant(answer: GatewayAnswer, component: string): Promise<void> {
    const { authorization_info: info } = contentOf(answer);
    if (!isJsonObject(info)) return;
    const { authorizer_appid: authorizer } = info;
    if (typeof authorizer === 'string') await this.#store(info, component, authorizer);
  }

  /** Stores the grant of an authorizer in the answer to its refresh token. */
  async storeRefreshedGrant(answer: GatewayAnswer, component: string, authorizer: string): Promise<void> {
    await this.#store(contentOf(answer), component, authorizer);
  }

  /** Stores a grant. One that cannot be stored still belongs to the caller, so that the answer passes all the same. */
  async #store(answer: JsonObject, component: string, authorizer: string): Promise<void> {
    const { authorizer_access_token: value, authorizer_refresh_token: refreshToken, expires_in } = answer;
    const expiresInSeconds = secondsIn(expires_in);
    if (typeof value !== 'string' || value === '' || expiresInSeconds === undefined) return;
    const grant: Grant = {
      value,
      expiresInSeconds,
      result: answer,
      ...(typeof refreshToken === 'string' && refreshToken !== '' && { refreshToken }),
    };
    try {
      const key = tokenKey(component, AUTHORIZER_TYPE, authorizer);
      const { obtainedAt, expiresAt } = await this.#services.manager.put(component, AUTHORIZER_TYPE, grant, {
        subject: authorizer,
      });
      await this.#known.handOut(value, { key, obtainedAt, expiresAt });
    } catch {
      // The failure of the store is reported by the store.
    }
  }
}

function secondsIn(stated: JsonValue | undefined): number | undefined {
  const seconds = typeof stated === 'number' || typeof stated === 'string' ? Number(stated) : Number.NaN;
  return seconds > 0 && seconds <= 366 * 86_400 ? seconds : undefined;
}
