import type { Clock } from '../../../core/concurrency/clock.js';
import type { Deadline } from '../../../core/model/deadline.js';
import { isTokenError, type TokenError } from '../../../core/model/errors.js';
import { isAppid } from '../../../core/model/token-key.js';
import type { Registry } from '../../../core/registry/registry.js';
import { isAuthorizationCode } from '../../../platform/authorizations/authorization-push.js';
import type { PlatformApi } from '../../../platform/authorizations/platform-api.js';
import { isCodeRefused } from '../../../platform/authorizations/refusals.js';
import { authorizationLink, isAuthType } from '../../../platform/authorizers/authorization-url.js';
import { PushRefused } from '../../../platform/content/push-refused.js';
import type { CodeExchange } from '../../../platform/exchanges/code-exchange.js';
import type { PushedApps } from '../../../platform/pushes/pushed-apps.js';
import { senderNetwork } from '../../access/sender-network.js';
import { failureOf, retryAfterOf } from '../../messages/error-status.js';
import type { HttpAnswer, HttpRequest } from '../../messages/http-message.js';
import type { MerchantPages } from '../../routing/merchant-pages.js';
import type { RequestContext } from '../../routing/request-context.js';
import { merchantPage } from './merchant-page.js';
import { type PageContent, PageInstead } from './page-instead.js';
import { newVisit, type Visit, VisitSigner } from './visit.js';
import { tooMany, VisitLimits } from './visit-limits.js';
import { cookieOf, isInWeChat, isOpened, languageOf } from './visitor.js';

export interface MerchantVisitsParts {
  readonly apps: Pick<PushedApps, 'settingsOf'>;
  readonly registry: Pick<Registry, 'app'>;
  readonly api: Pick<PlatformApi, 'preAuthCode'>;
  readonly exchange: Pick<CodeExchange, 'exchange'>;
  readonly clock: Clock;
  /** The URL under which browsers reach the routes, without a slash at its end. */
  readonly publicUrl: string;
  /** The page to which merchants are sent at the end; `undefined` for one of these. */
  readonly returnUrl: string | undefined;
  /** Returns a deadline of that many milliseconds from now. */
  deadline(timeoutMs: number): Deadline;
}

const COOKIE = 'wechat_platform_visit';
/** Both official accounts and mini programs. */
const DEFAULT_AUTH_TYPE = '3';
/** A code that ends sooner is not shown again, since the merchant needs some time at WeChat. */
const LEAST_LEFT_MS = 60_000;
const MAX_LIFE_SECONDS = 3_600;
const STARTING_MS = 10_000;
const EXCHANGING_MS = 20_000;

/** Answers the two pages of an authorization: the one from which a merchant goes to WeChat, and the one to come back to. */
export class MerchantVisits implements MerchantPages {
  readonly #parts: MerchantVisitsParts;
  readonly #limits: VisitLimits;

  constructor(parts: MerchantVisitsParts) {
    this.#parts = parts;
    this.#limits = new VisitLimits(parts.clock);
  }

  get publicUrl(): string {
    return this.#parts.publicUrl;
  }

  /** Answers with the start page, which has a link to WeChat. */
  start(context: RequestContext): Promise<HttpAnswer> {
    return answered(context, () => this.#start(context, context.param('appid')));
  }

  /** Exchanges the code with which WeChat sends a merchant back, and leads to a URL without it. */
  comeBack(context: RequestContext): Promise<HttpAnswer> {
    return answered(context, () => this.#comeBack(context, context.param('appid')));
  }

  async #start(context: RequestContext, component: string): Promise<PageContent> {
    const { request } = context;
    const named = context.query('auth_type') ?? DEFAULT_AUTH_TYPE;
    const authType = /^\d$/.test(named) ? Number(named) : undefined;
    const bizAppid = context.query('biz_appid');
    if (!isAuthType(authType) || (bizAppid !== undefined && !isAppid(bizAppid)))
      return { status: 400, name: 'badLink' };
    const signer = await this.#signerOf(component, request);
    const now = this.#parts.clock.now();
    const known = signer.open(cookieOf(request, COOKIE), now);
    const isUsable = known !== undefined && !known.isOver && known.endsAt - now > LEAST_LEFT_MS;
    const visit = isUsable ? known : await this.#newVisit(component, senderNetwork(request), now);
    const form = isInWeChat(request) ? 'wechat' : 'page';
    const redirectUri = `${this.#urlOf(component, 'authorized')}?state=${signer.stateOf(visit)}`;
    const options = { redirectUri, authType, form, ...(bizAppid !== undefined && { bizAppid }) } as const;
    return {
      status: 200,
      name: form === 'wechat' ? 'startInWeChat' : 'start',
      link: { name: 'toWeChat', url: authorizationLink(component, visit.preAuthCode, options) },
      headers: isUsable ? {} : this.#cookieOf(component, signer, visit),
    };
  }

  async #newVisit(component: string, network: string, now: number): Promise<Visit> {
    const { api, deadline } = this.#parts;
    this.#limits.begin(component, network);
    try {
      const { value, expiresInSeconds } = await deadline(STARTING_MS).race(api.preAuthCode(component));
      return newVisit(value, now + Math.min(expiresInSeconds, MAX_LIFE_SECONDS) * 1_000);
    } catch (error) {
      throw isTokenError(error) ? new PageInstead(this.#failed('unavailable', error)) : error;
    }
  }

  async #comeBack(context: RequestContext, component: string): Promise<PageContent | HttpAnswer> {
    const code = context.query('auth_code');
    if (code === undefined && context.query('result') === 'authorized') return { status: 200, name: 'authorized' };
    const link = { name: 'toStart', url: this.#urlOf(component, 'authorize') } as const;
    const signer = await this.#signerOf(component, context.request);
    const visit = signer.open(cookieOf(context.request, COOKIE), this.#parts.clock.now());
    const isOfVisit = visit !== undefined && signer.hasState(visit, context.query('state') ?? '');
    if (!isOfVisit || code === undefined || !isAuthorizationCode(code)) return { status: 400, name: 'noVisit', link };
    this.#limits.exchange(visit.id);
    const over = this.#cookieOf(component, signer, { ...visit, isOver: true });
    const { exchange, deadline, returnUrl } = this.#parts;
    try {
      await exchange.exchange(component, code, deadline(EXCHANGING_MS));
    } catch (error) {
      if (!isTokenError(error)) throw error;
      const isRefused = error.code === 'UPSTREAM_REJECTED' && isCodeRefused(error);
      if (!isRefused && error.code !== 'REAUTHORIZATION_REQUIRED') return this.#failed('pending', error);
      return { ...this.#failed('refused', error), status: 400, link, headers: over };
    }
    const Location = returnUrl ?? `${this.#urlOf(component, 'authorized')}?result=authorized`;
    return { status: 303, headers: { ...over, Location, 'Cache-Control': 'no-store' }, body: '' };
  }

  /** Returns the signer of a platform's visits. Only one that is registered for pushes has visits. */
  async #signerOf(component: string, request: HttpRequest): Promise<VisitSigner> {
    const { apps, registry } = this.#parts;
    try {
      const { mode } = await apps.settingsOf(component, senderNetwork(request));
      const secret = registry.app(component)?.secret;
      if (mode === 'encrypted' && secret !== undefined) return new VisitSigner(component, secret);
    } catch (error) {
      if (isTokenError(error)) throw new PageInstead(this.#failed('unavailable', error));
      if (!(error instanceof PushRefused)) throw error;
      if (error.status === 429) throw tooMany(1);
    }
    throw new PageInstead({ status: 404, name: 'unknown' });
  }

  #urlOf(component: string, page: 'authorize' | 'authorized'): string {
    return `${this.publicUrl}/platform/${component}/${page}`;
  }

  #cookieOf(component: string, signer: VisitSigner, visit: Visit): { readonly 'Set-Cookie': string } {
    const { pathname, protocol } = new URL(this.#urlOf(component, 'authorize'));
    const seconds = Math.ceil((visit.endsAt - this.#parts.clock.now()) / 1_000);
    const path = pathname.slice(0, pathname.lastIndexOf('/'));
    const secure = protocol === 'https:' ? '; Secure' : '';
    const attributes = `Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
    return { 'Set-Cookie': `${COOKIE}=${signer.seal(visit)}; ${attributes}` };
  }

  #failed(name: 'pending' | 'unavailable' | 'refused', error: TokenError): PageContent {
    const failure = failureOf(error, this.#parts.clock.now());
    const code = error.errcode === undefined ? error.code : `${error.code}, ${error.errcode}`;
    return { status: failure.status, name, values: { code }, headers: retryAfterOf(failure) };
  }
}

/** Answers with a page in the language of the visitor, unless the page is a part of another one. */
async function answered(context: RequestContext, answer: () => Promise<PageContent | HttpAnswer>): Promise<HttpAnswer> {
  const language = languageOf(context.request);
  if (!isOpened(context.request)) return merchantPage({ status: 403, name: 'notOpened', language });
  try {
    const found = await answer();
    return 'name' in found ? merchantPage({ ...found, language }) : found;
  } catch (error) {
    if (error instanceof PageInstead) return merchantPage({ ...error.page, language });
    throw error;
  }
}
