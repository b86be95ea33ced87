import { type TokenKey, tokenKey } from '../../core/model/token-key.js';
import { isJustReported } from '../../core/refresh/report-limit.js';
import type { CountedLimits } from '../../core/store/counted-limits.js';
import type { CallToken, CallTokens } from './call-tokens.js';

/** The name of the limit in the store, which no refresher can give to a limit of its own. */
const LIMIT_NAME = '~gateway';
/**
 * The reports of stale tokens that the calls of others may cause in a day for an app: half of what the manager allows, so that
 * programs with a token of their own can still report theirs.
 */
const REPORTS_PER_DAY = 10;
/** The time in which a process that refreshes nothing waits for the token of another. */
const FOLLOWER_WAIT_MS = 3_000;

/** The manager, as far as calls need it. */
export interface CallableManager {
  get(appid: string, type: string, options?: { readonly subject?: string }): Promise<string>;
  refresh(
    appid: string,
    type: string,
    options: { readonly subject?: string; readonly stale: string; readonly timeoutMs?: number },
  ): Promise<string>;
}

/** Provides calls with tokens. Calls that got the same stale token share one report. */
export class ManagedTokens implements CallTokens {
  readonly #manager: CallableManager;
  readonly #limits: CountedLimits;
  readonly #refreshes: boolean;
  readonly #underWay = new Map<string, Promise<string>>();

  /** @param refreshes - whether this process refreshes at all. */
  constructor(manager: CallableManager, limits: CountedLimits, refreshes: boolean) {
    this.#manager = manager;
    this.#limits = limits;
    this.#refreshes = refreshes;
  }

  current({ appid, type, subject }: CallToken): Promise<string> {
    return subject === undefined ? this.#manager.get(appid, type) : this.#manager.get(appid, type, { subject });
  }

  replace(token: CallToken, stale: string): Promise<string> {
    const id = JSON.stringify([token.appid, token.type, token.subject, stale]);
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) return underWay;
    const replaced = this.#report(token, stale).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, replaced);
    return replaced;
  }

  async #report(token: CallToken, stale: string): Promise<string> {
    const { appid, type, subject } = token;
    const current = await this.current(token);
    if (current !== stale) return current;
    if (!(await this.#mayReport(tokenKey(appid, type, subject)))) return stale;
    return this.#manager.refresh(appid, type, {
      stale,
      ...(subject !== undefined && { subject }),
      ...(!this.#refreshes && { timeoutMs: FOLLOWER_WAIT_MS }),
    });
  }

  /**
   * Draws one of the reports of the day, and returns whether there was one. A report that comes too soon to cause a fetch is
   * not counted: it only finds the token that another process is fetching, and a few calls that fail within seconds of a
   * fetch would use up all reports.
   */
  async #mayReport(key: TokenKey): Promise<boolean> {
    if (await isJustReported(key, this.#limits)) return true;
    return (await this.#limits.draw(key, LIMIT_NAME, { perDay: REPORTS_PER_DAY })).granted;
  }
}
