import { hash } from 'node:crypto';
import { testAccountOf } from './test-pairs.js';

/**
 * An account as a {@link FakeWeChat} describes it to third-party platforms, and the permissions that its merchant grants.
 *
 * @public
 */
export interface FakeAccount {
  /**
   * The kind of account.
   *
   * @defaultValue `'service'`, for WeChat's own test accounts what they are
   */
  readonly kind?: 'service' | 'subscription' | 'mini-program';
  /**
   * The name that users see.
   *
   * @defaultValue `Account of` and the appid
   */
  readonly nickName?: string;
  /**
   * The original id, with which the messages of its users are addressed.
   *
   * @defaultValue `gh_` and 12 hexadecimal digits, which depend on the appid; for WeChat's own test accounts what they have
   */
  readonly userName?: string;
  /**
   * The name of the merchant.
   *
   * @defaultValue `Merchant of` and the appid
   */
  readonly principalName?: string;
  /**
   * The state as WeChat numbers it: 1 normal, 14 cancelled, 16 banned, 18 warned, 19 frozen.
   *
   * @defaultValue 1
   */
  readonly status?: number;
  /**
   * The ids of the permission sets that are granted. Without any a platform gets no tokens of the account.
   *
   * @defaultValue 1, 2, 3
   */
  readonly permissions?: readonly number[];
  /**
   * Whether the refresh token is missing where a platform could read it again: in the list and the description of its
   * authorizers.
   *
   * @defaultValue `false`
   */
  readonly hidesRefreshToken?: boolean;
}

const PERMISSIONS = [1, 2, 3];

/** Records the descriptions of accounts. */
export class FakeAccountBook {
  readonly #accounts = new Map<string, FakeAccount>();

  set(appid: string, account: FakeAccount): void {
    this.#accounts.set(appid, account);
  }

  /** Returns an account; every appid has one. */
  accountOf(appid: string): Required<FakeAccount> {
    const { kind = 'service', userName = `gh_${hash('sha1', appid).slice(0, 12)}` } = testAccountOf(appid) ?? {};
    return {
      kind,
      nickName: `Account of ${appid}`,
      userName,
      principalName: `Merchant of ${appid}`,
      status: 1,
      permissions: PERMISSIONS,
      hidesRefreshToken: false,
      ...this.#accounts.get(appid),
    };
  }
}
