/**
 * The reaction that an `errcode` asks for.
 *
 * - `retry`: WeChat is busy; back off.
 * - `rate`: a limit by the minute; wait for the next one.
 * - `quota`: a limit by the day; wait for the next one.
 * - `config`: something is set up wrongly, and has to be changed.
 * - `confirm`: the account's administrator has to confirm this server.
 * - `stale`: the token that was sent is dead; get another.
 * - `reauth`: the authorization is gone; the user or merchant has to authorize again.
 * - `ticket`: WeChat has to push a new `component_verify_ticket`.
 * - `kind`: the wrong token, or one without the permission.
 * - `account`: the account is frozen or punished.
 * - `code`: a one-time code was wrong, used or too old.
 * - `user`: it concerns one user.
 */
export type ErrorClass =
  | 'retry'
  | 'rate'
  | 'quota'
  | 'config'
  | 'confirm'
  | 'stale'
  | 'reauth'
  | 'ticket'
  | 'kind'
  | 'account'
  | 'code'
  | 'user';

/** An `errcode` of WeChat. */
export interface ErrorRow {
  readonly errcode: number;
  readonly class: ErrorClass;
  /** The class if the request carried a token instead of the app's secret. Default: `class`. */
  readonly classWithToken?: ErrorClass;
  /** The class if the message mentions a limit by the minute. Default: `class`. */
  readonly classByMinute?: ErrorClass;
  /** Whether the cause is this host's address, so that another host may succeed. */
  readonly hostOnly?: boolean;
  /** The time for which WeChat says not to ask again, in milliseconds. */
  readonly coolDownMs?: number;
  /** The message of WeChat, without its `rid` tail. */
  readonly errmsg: string;
  readonly meaning: string;
  /** The advice to the user. */
  readonly advice: string;
  /**
   * The source of the row. `D-...` are pages of developers.weixin.qq.com: D-TOKEN getAccessToken, D-STABLE
   * getStableAccessToken, D-USE and D-GUIDE how to use tokens and interfaces, D-SNSR and D-SNSOLD OAuth2, D-CTOK, D-ATOK
   * and D-C2S the third-party platform, D-CLR clearQuota, D-QUOTA getApiQuota, D-ERRCH the list of the channels,
   * D-TROUBLE the page on finding problems; CM is the community there; WeCom is its own list of codes. The others are
   * projects on GitHub.
   */
  readonly source: string;
}

const HOUR_MS = 3_600_000;
const HOST_ONLY = { hostOnly: true };

const WAIT = 'Nothing: it is retried automatically.';
const RENEW = 'Nothing: the token is replaced automatically.';
const ALLOW_ADDRESS = "Add this server's address to the IP whitelist of the account.";
const CHECK_SECRET = 'Compare appid and secret with those on the WeChat console.';
const REPORT_BUG = 'Report a bug in the program that sent the request.';
const ASK_ADMIN = "Have the account's administrator confirm the request that WeChat sent to them.";
const SEE_ACCOUNT = 'Look for a notice from WeChat on the console of the account.';
const GRANT_PERMISSION = 'Check whose token it is, and whether the account has the permission for this interface.';
const USE_OTHER_TOKEN = 'Send the kind of token that this interface requires.';
const WAIT_FOR_PUSH = 'Check that the push of component_verify_ticket arrives; WeChat sends one every ten minutes.';
const AUTHORIZE_MERCHANT = 'Have the merchant authorize the platform again.';
const AUTHORIZE_USER = 'Have the user log in again.';
const NEW_CODE = 'Start over to get a new code.';
const SEE_PATH = 'Correct the path in the query for the quota.';
const ASK_LESS = 'Find out which other programs request tokens of this account, or clear the quota.';
const WAIT_LONGER = 'Wait for the next day or month.';
const UNFREEZE = 'Unfreeze the secret on the WeChat console; it takes ten minutes.';
const USE_HTTPS = 'Use an origin that begins with https.';

/**
 * The known `errcode`s of the token endpoints, the tickets and the platform, and WeCom's refusal of an address, which
 * refreshers of WeCom's tokens get.
 */
export const ERROR_TABLE: readonly ErrorRow[] = [
  ...rows('retry', WAIT, [[-1, 'system error', 'WeChat is busy.', 'D-TOKEN, D-STABLE']]),
  ...rows('rate', WAIT, [
    [
      45011,
      'api minute-quota reach limit mustslower retry next minute',
      'The limit of calls per minute was reached.',
      'D-STABLE',
    ],
  ]),
  ...rows('quota', ASK_LESS, [
    [
      45009,
      'reach max api daily quota limit',
      'The daily call quota is used up.',
      'D-STABLE',
      { classByMinute: 'rate' },
    ],
  ]),
  ...rows('quota', WAIT_LONGER, [
    [
      48006,
      'forbid to clear quota because of reaching the limit',
      'The quota was cleared too often this month.',
      'D-CLR',
    ],
  ]),
  ...rows('stale', RENEW, [
    [40014, 'invalid access_token', 'The token is no longer valid, or never was.', 'WxJava WxConsts'],
    [42001, 'access_token expired', 'The token has expired.', 'D-USE, D-ERRCH'],
  ]),
  ...rows('config', CHECK_SECRET, [
    [40001, 'invalid credential', 'The secret or token is wrong.', 'D-TOKEN, D-ERRCH', { classWithToken: 'stale' }],
    [40013, 'invalid appid', 'There is no such appid.', 'D-TOKEN'],
    [40125, 'invalid appsecret', 'The secret is wrong.', 'D-TOKEN'],
    [41004, 'appsecret missing', 'No secret was sent.', 'D-TOKEN, D-STABLE'],
    [61011, 'invalid component', 'There is no such platform.', 'D-CTOK'],
  ]),
  ...rows('config', UNFREEZE, [[40243, 'AppSecret frozen', 'The secret is frozen.', 'D-TOKEN, D-GUIDE']]),
  ...rows('config', ALLOW_ADDRESS, [
    [40164, 'invalid ip, not in whitelist', 'The address of this server is not allowed.', 'D-STABLE', HOST_ONLY],
    [45035, 'access clientip is not registered', 'The address of this server is not allowed.', 'D-ERRCH', HOST_ONLY],
    [61004, 'access clientip is not registered', 'The address of this server is not allowed.', 'D-GUIDE', HOST_ONLY],
    [60020, 'not allow to access from your ip', 'The address of this server is not allowed.', 'WeCom', HOST_ONLY],
  ]),
  ...rows('config', USE_HTTPS, [[43003, 'require https', 'The request must use https.', 'D-STABLE, D-CTOK']]),
  ...rows('config', REPORT_BUG, [
    [40002, 'invalid grant_type', 'The grant_type is wrong.', 'D-TOKEN'],
    [41002, 'appid missing', 'No appid was sent.', 'D-STABLE'],
    [41018, 'missing component_appid', 'No component_appid was sent.', 'WxJava WxOpenErrorMsgEnum'],
    [41021, 'missing component_access_token', 'No component_access_token was sent.', 'WxJava WxOpenErrorMsgEnum'],
    [43002, 'require POST method', 'The method must be POST.', 'D-STABLE, D-CTOK'],
    [47001, 'data format error', 'WeChat could not read the request.', 'D-STABLE, D-CTOK'],
  ]),
  ...rows('config', AUTHORIZE_MERCHANT, [
    [61007, 'api is unauthorized to component', 'The merchant has not granted this permission set.', 'D-TROUBLE'],
  ]),
  ...rows('config', SEE_PATH, [
    [76003, 'malformed cgi_path', 'The path is malformed.', 'D-QUOTA'],
    [76021, 'cgi_path not found', 'There is no such path.', 'D-QUOTA'],
    [76022, 'no permission for this cgi_path', 'The account may not query this path.', 'D-QUOTA'],
  ]),
  ...rows('confirm', ASK_ADMIN, [
    [89501, 'pending confirmation', 'This server awaits confirmation.', 'WxJava WxOpenErrorMsgEnum', HOST_ONLY],
    [89502, 'wait for admin', 'This server awaits confirmation.', 'WxJava WxOpenErrorMsgEnum', HOST_ONLY],
    [89503, 'this call needs admin confirmation', 'This server must be confirmed.', 'D-STABLE', HOST_ONLY],
    [89504, 'pending confirmation', 'This server awaits confirmation.', 'WxJava WxOpenErrorMsgEnum', HOST_ONLY],
    [89505, 'wait for admin', 'This server awaits confirmation.', 'WxJava WxOpenErrorMsgEnum', HOST_ONLY],
    [89506, 'ip refused by admin', 'This server is refused for a day.', 'D-STABLE', refusedFor(24 * HOUR_MS)],
    [89507, 'ip refused by admin', 'This server is refused for an hour.', 'D-STABLE', refusedFor(HOUR_MS)],
  ]),
  ...rows('reauth', AUTHORIZE_USER, [
    [40030, 'invalid refresh_token', "The user's refresh token is wrong.", 'WxJava, D-SNSOLD'],
    [41003, 'refresh_token missing', 'No refresh token was sent.', 'WxJava, D-SNSOLD'],
    [42002, 'refresh_token expired', "The user's refresh token has expired.", 'WxJava, D-SNSOLD'],
    [42007, 'user changed password, tokens void', 'The user changed the password.', 'WxJava WxMpErrorMsgEnum'],
  ]),
  ...rows('reauth', AUTHORIZE_MERCHANT, [
    [61003, 'component is not authorized by this account', 'The merchant has not authorized the platform.', 'D-C2S'],
    [61023, 'refresh_token is invalid', "The merchant's refresh token is wrong.", 'WxJava#1119, WxJava#1533'],
  ]),
  ...rows('ticket', WAIT_FOR_PUSH, [
    [61005, 'component ticket is expired', 'The component_verify_ticket has expired.', 'D-CTOK'],
    [61006, 'component ticket is invalid', 'The component_verify_ticket is wrong.', 'WxJava#2967'],
  ]),
  ...rows('kind', GRANT_PERMISSION, [
    [48001, 'api unauthorized', 'The account may not call this interface.', 'D-TROUBLE'],
  ]),
  ...rows('kind', USE_OTHER_TOKEN, [
    [61014, 'must use component token for component api', 'A component_access_token is required.', 'D-ATOK, WxJava'],
    [
      61015,
      'must use business token',
      'The token of an account is required, not that of a platform.',
      'D-ATOK, WxJava',
    ],
    [61024, 'must use api_component_token', 'The token of a platform is required.', 'D-ATOK, WxJava'],
  ]),
  ...rows('kind', REPORT_BUG, [[41001, 'access_token missing', 'No token was sent.', 'D-ERRCH']]),
  ...rows('account', SEE_ACCOUNT, [
    [48004, 'api forbidden for irregularities', 'The account has been barred from this interface.', 'D-ERRCH'],
    [
      50002,
      'user limited',
      'The account is frozen, being migrated or being closed.',
      'CM 000602572104c8c5b8047be636bc00',
    ],
    [50004, 'user not allow to use accesstoken', 'The account may not have tokens.', 'D-TOKEN, WxJava, CM'],
    [50007, 'account frozen', 'The account is frozen.', 'D-TOKEN'],
  ]),
  ...rows('code', NEW_CODE, [
    [40029, 'invalid code', 'The code is wrong.', 'D-SNSR, WxJava'],
    [40163, 'code been used', 'The code has already been used.', 'D-SNSR, WxJava'],
    [41008, 'code missing', 'No code was sent.', 'D-SNSR, WxJava'],
    [42003, 'code expired', 'The code has expired.', 'D-SNSR, WxJava'],
    [61009, 'invalid code', 'The authorization code is wrong.', 'WxJava'],
    [61010, 'code expired', 'The authorization code has expired.', 'WxJava'],
  ]),
  ...rows('user', AUTHORIZE_USER, [[50001, 'user unauthorized', 'The user has not given permission.', 'WxJava']]),
];

const ROWS = new Map(ERROR_TABLE.map((row) => [row.errcode, row]));

/** Returns the row of an `errcode`; `undefined` for an unknown one. */
export function findErrorRow(errcode: number): ErrorRow | undefined {
  return ROWS.get(errcode);
}

type MoreFacts = Pick<ErrorRow, 'classWithToken' | 'classByMinute' | 'hostOnly' | 'coolDownMs'>;
type Cells = readonly [errcode: number, errmsg: string, meaning: string, source: string, more?: MoreFacts];

/** Creates rows with the same class and advice. */
function rows(errorClass: ErrorClass, advice: string, lines: readonly Cells[]): ErrorRow[] {
  return lines.map(([errcode, errmsg, meaning, source, more]) => {
    return { errcode, class: errorClass, errmsg, meaning, advice, source, ...more };
  });
}

function refusedFor(coolDownMs: number): MoreFacts {
  return { ...HOST_ONLY, coolDownMs };
}
