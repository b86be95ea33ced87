import { type Clock, systemClock } from '../../core/concurrency/clock.js';
import { FakeAccountBook } from '../accounts/account-book.js';
import { FakeCustomMessageBook } from './custom-message-book.js';
import type { FakeApp, FakeState } from './endpoint.js';
import { FakePlatformBook } from './platform-book.js';
import { FakePromptBook } from './prompt-book.js';
import { type FakeQuota, FakeQuotaBook } from './quota.js';
import type { FakeRefreshTokenMode } from './refresh-tokens.js';
import { FakeTicketBook } from './ticket-book.js';
import { FakeTokenBook } from './token-book.js';
import { FakeUserBook } from './user-book.js';

/**
 * The options of `FakeWeChat.start(options)`.
 *
 * @public
 */
export interface FakeWeChatOptions {
  /**
   * The port that it listens on; 0 takes any free port.
   *
   * @defaultValue 0
   */
  readonly port?: number;
  /**
   * The address that it listens on.
   *
   * @defaultValue `'127.0.0.1'`
   */
  readonly host?: string;
  /**
   * The clock that tokens age by.
   *
   * @defaultValue `systemClock`
   */
  readonly clock?: Clock;
  /**
   * The life of tokens and tickets.
   *
   * @defaultValue 7,200 s
   * @bounds 1 to 31,536,000 s
   */
  readonly lifeSeconds?: number;
  /**
   * The time that a token lives on once another has replaced it.
   *
   * @defaultValue 300 s
   */
  readonly overlapSeconds?: number;
  /**
   * The apps by appid.
   *
   * @defaultValue every appid exists, with the secret `secret`
   */
  readonly apps?: Readonly<Record<string, FakeApp>>;
  /**
   * The limits by path. A path that is named here replaces its default.
   *
   * @defaultValue 2,000 a day for `/cgi-bin/token`; 10,000 a minute and 500,000 a day for `/cgi-bin/stable_token`
   */
  readonly quotas?: Readonly<Record<string, FakeQuota>>;
  /**
   * The time that an answer takes, by the clock.
   *
   * @defaultValue 0 ms
   */
  readonly delayMs?: number;
  /**
   * The treatment of a refresh token that is used.
   *
   * @defaultValue `'kept'`
   */
  readonly refreshTokens?: FakeRefreshTokenMode;
}

const DEFAULT_QUOTAS: Readonly<Record<string, FakeQuota>> = {
  '/cgi-bin/token': { perDay: 2_000 },
  '/cgi-bin/stable_token': { perMinute: 10_000, perDay: 500_000 },
};
const ANY_SECRET = 'secret';

/**
 * Creates the state of a fake.
 *
 * @param apps - the existing apps; `undefined` if every appid exists.
 */
export function createState(options: FakeWeChatOptions, apps: ReadonlyMap<string, FakeApp> | undefined): FakeState {
  const { clock = systemClock, lifeSeconds = 7_200, overlapSeconds = 300, refreshTokens = 'kept', quotas } = options;
  const lifeMs = lifeSeconds * 1_000;
  const tokens = new FakeTokenBook(clock, lifeMs, overlapSeconds * 1_000);
  const accounts = new FakeAccountBook();
  return {
    tokens,
    tickets: new FakeTicketBook(clock, lifeMs),
    users: new FakeUserBook(clock, lifeMs, refreshTokens),
    platforms: new FakePlatformBook(clock, tokens, accounts, refreshTokens),
    accounts,
    prompts: new FakePromptBook(clock),
    customMessages: new FakeCustomMessageBook(clock),
    quotas: new FakeQuotaBook(clock, new Map(Object.entries({ ...DEFAULT_QUOTAS, ...quotas }))),
    findApp: (appid) => (apps === undefined ? { secret: ANY_SECRET } : apps.get(appid)),
  };
}
