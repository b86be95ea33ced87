import type { Clock } from '../../core/concurrency/clock.js';
import { TokenError } from '../../core/model/errors.js';
import type { Grant, Upstream, WeChatRequest } from '../../core/model/refresher.js';
import type { JsonObject, JsonValue } from '../../core/primitives/json.js';
import { AttemptTime } from '../../core/refresh/attempt-time.js';
import { numberIn, objectIn, permissionsIn, textIn } from './answer-fields.js';
import type { AuthorizationKey } from './authorization-documents.js';
import {
  type AuthorizerPage,
  authorizerPageIn,
  type ExchangedCode,
  grantIn,
  type NamedAuthorization,
  type PreAuthCode,
} from './platform-answers.js';

/** The part of a manager by which the API of platforms is called. */
export interface PlatformTokens {
  call<Result>(
    component: string,
    type: 'component_access_token',
    run: (token: string) => Promise<Result>,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<Result>;
}

const PATH = '/cgi-bin/component';
/** The largest page that WeChat returns. */
const PAGE_SIZE = 500;
/** The life of a pre-authorization code if the answer names none, the shortest that WeChat documents. */
const PRE_AUTH_CODE_SECONDS = 600;

/** Calls WeChat's API for third-party platforms, with the token of the platform. */
export class PlatformApi {
  readonly #tokens: PlatformTokens;
  readonly #upstream: Pick<Upstream, 'request'>;
  readonly #clock: Clock;

  constructor(tokens: PlatformTokens, upstream: Pick<Upstream, 'request'>, clock: Clock) {
    this.#tokens = tokens;
    this.#upstream = upstream;
    this.#clock = clock;
  }

  /**
   * Exchanges an authorization code, which works once.
   *
   * @see https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/authorization_info.html
   */
  async queryAuth(component: string, code: string): Promise<ExchangedCode> {
    const obtainedAt = this.#clock.now();
    let at: number | undefined;
    const dated = (answeredAt: number): void => {
      at = answeredAt;
    };
    const answer = await this.#post(component, 'api_query_auth', { authorization_code: code }, dated);
    const info = objectIn(answer, 'authorization_info');
    const grant = grantIn(info);
    return {
      authorizer: textIn(info, 'authorizer_appid') ?? '',
      grant: grant && { ...grant, obtainedAt },
      permissions: permissionsIn(info),
      at,
    };
  }

  /** Returns the refresh token that WeChat has for an authorizer, and its permissions; `undefined` if it names none. */
  async namedAuthorization(key: AuthorizationKey): Promise<NamedAuthorization | undefined> {
    const info = objectIn(await this.authorizerInfo(key), 'authorization_info');
    const refreshToken = textIn(info, 'authorizer_refresh_token') ?? (await this.#listedRefreshToken(key));
    return refreshToken === undefined ? undefined : { refreshToken, permissions: permissionsIn(info) };
  }

  /** Requests new tokens of an authorizer with a refresh token. */
  async refresh({ component, authorizer }: AuthorizationKey, refreshToken: string): Promise<Grant | undefined> {
    const fields = { authorizer_appid: authorizer, authorizer_refresh_token: refreshToken };
    const grant = grantIn(await this.#post(component, 'api_authorizer_token', fields));
    return grant === undefined ? undefined : { refreshToken, ...grant };
  }

  /** Returns what WeChat knows of an authorizer. */
  authorizerInfo({ component, authorizer }: AuthorizationKey): Promise<JsonObject> {
    return this.#post(component, 'api_get_authorizer_info', { authorizer_appid: authorizer });
  }

  /** Yields the pages of the list of authorizers. Each is requested when the caller is done with the one before. */
  async *authorizerPages(component: string, signal?: AbortSignal): AsyncGenerator<AuthorizerPage, void, undefined> {
    for (let offset = 0, total = 1; offset < total; offset += PAGE_SIZE) {
      signal?.throwIfAborted();
      const page = await this.#authorizerPage(component, offset);
      total = page.total;
      yield page;
    }
  }

  async #authorizerPage(component: string, offset: number): Promise<AuthorizerPage> {
    return authorizerPageIn(await this.#post(component, 'api_get_authorizer_list', { offset, count: PAGE_SIZE }));
  }

  /** Requests a code with which one visitor can authorize the platform. */
  async preAuthCode(component: string): Promise<PreAuthCode> {
    const answer = await this.#post(component, 'api_create_preauthcode', {});
    const value = textIn(answer, 'pre_auth_code');
    const expiresInSeconds = numberIn(answer, 'expires_in') ?? PRE_AUTH_CODE_SECONDS;
    if (value !== undefined) return { value, expiresInSeconds };
    throw new TokenError('UPSTREAM_REJECTED', 'the answer contains no pre_auth_code', { appid: component });
  }

  /** Makes WeChat push verify tickets again. It needs no token. */
  async startPushTicket(component: string, secret: string): Promise<void> {
    const body = { component_appid: component, component_secret: secret };
    await this.#send(component, { method: 'POST', path: `${PATH}/api_start_push_ticket`, body }, { secret });
  }

  /** Sends a text to a user of an authorizer, with a token of the authorizer. */
  async sendText({ component }: AuthorizationKey, token: string, user: string, content: string): Promise<void> {
    const body = { touser: user, msgtype: 'text', text: { content } };
    const path = '/cgi-bin/message/custom/send';
    await this.#send(component, { method: 'POST', path, query: { access_token: token }, body });
  }

  async #listedRefreshToken({ component, authorizer }: AuthorizationKey): Promise<string | undefined> {
    for await (const { authorizers } of this.authorizerPages(component)) {
      const found = authorizers.find(({ appid }) => appid === authorizer);
      if (found !== undefined) return found.refreshToken;
    }
    return undefined;
  }

  #post(
    component: string,
    name: string,
    fields: Readonly<Record<string, JsonValue>>,
    dated?: (at: number) => void,
  ): Promise<JsonObject> {
    const body = { component_appid: component, ...fields };
    return this.#tokens.call(component, 'component_access_token', (token) => {
      const query = { component_access_token: token };
      return this.#send(component, { method: 'POST', path: `${PATH}/${name}`, query, body }, { dated });
    });
  }

  /** Sends a request; with a token unless it has the secret of the platform. */
  async #send(
    component: string,
    request: WeChatRequest,
    { secret, dated }: { readonly secret?: string; readonly dated?: ((at: number) => void) | undefined } = {},
  ): Promise<JsonObject> {
    const time = new AttemptTime(this.#clock, { appid: component });
    const user = { appid: component, type: request.path };
    try {
      return await this.#upstream.request(request, {
        signal: time.signal,
        withToken: secret === undefined,
        secret,
        user,
        dated,
      });
    } finally {
      time.end();
    }
  }
}
