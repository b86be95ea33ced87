import { Semaphore } from '../../core/concurrency/semaphore.js';
import { canonicalJson } from '../../core/primitives/checksum.js';
import type { JsonObject } from '../../core/primitives/json.js';
import { noop } from '../../core/primitives/noop.js';
import type { AuthorizationDocuments, AuthorizationKey } from '../authorizations/authorization-documents.js';
import { profileOf, userNameOf } from '../authorizations/authorizer-profile.js';
import type { PlatformApi } from '../authorizations/platform-api.js';

const MAX_ASKED_AT_ONCE = 4;

/** Asks WeChat what authorizers are, and remembers it in the store, so that a list of many does not ask for each. */
export class AuthorizerProfiles {
  readonly #documents: AuthorizationDocuments;
  readonly #api: Pick<PlatformApi, 'authorizerInfo'>;
  readonly #permits = new Semaphore(MAX_ASKED_AT_ONCE);

  constructor(documents: AuthorizationDocuments, api: Pick<PlatformApi, 'authorizerInfo'>) {
    this.#documents = documents;
    this.#api = api;
  }

  /**
   * Asks WeChat about an authorizer.
   *
   * @returns the answer, also where the store does not take it.
   * @throws a `TokenError` of the request.
   */
  async ask(key: AuthorizationKey): Promise<JsonObject> {
    const answer = await this.#api.authorizerInfo(key);
    await this.remember(key, answer).catch(noop);
    return answer;
  }

  /** Asks WeChat in the background. What fails is asked the next time that the account is described. */
  learn(key: AuthorizationKey): void {
    this.#permits.run(() => this.ask(key)).catch(noop);
  }

  /** Remembers what an answer says of an authorizer; of one that has ended its authorization nothing is kept. */
  async remember(key: AuthorizationKey, answer: JsonObject): Promise<void> {
    const { authorization, version } = await this.#documents.read(key);
    if (authorization === undefined || authorization.state === 'unauthorized') return;
    const userName = userNameOf(answer) ?? authorization.userName;
    const profile = profileOf(answer);
    const isKnown =
      authorization.userName === userName &&
      authorization.profile !== undefined &&
      canonicalJson({ ...profile }) === canonicalJson({ ...authorization.profile });
    // A change that was faster is followed by a description of its own.
    if (!isKnown) await this.#documents.saveState(key, { ...authorization, userName, profile }, version);
  }
}
