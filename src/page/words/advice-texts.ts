type Pair = readonly [en: string, zh: string];

interface Advice {
  readonly happened: Pair;
  readonly todo: Pair;
}

const NOTHING: Pair = ['Nothing: it is retried automatically.', '无需处理：会自动重试。'];

/** The texts about failures and their remedies. The sentences of `happened` have no full stop. */
export const ADVICE = {
  address: {
    happened: ["WeChat does not allow this server's address", '此服务器的 IP 不在白名单中'],
    todo: [
      "Add {ip} to the IP whitelist of the account on WeChat's console; it takes some minutes.",
      '请把 {ip} 加入「API IP 白名单」（公众号、服务号：微信开发者平台 → 我的业务 → 基础信息；小程序：公众平台 → 开发管理 → 开发设置；第三方平台：开放平台 → 管理中心 → 详情）。修改后需等待数分钟生效。',
    ],
  },
  secret: {
    happened: ['WeChat does not accept the appid or its secret', 'appid 或 AppSecret 不正确'],
    todo: [
      "Compare the appid and secret with those on WeChat's console, and register the app again with the correct ones.",
      '请与微信后台核对 appid 和 AppSecret，并用正确的值重新注册此应用。',
    ],
  },
  frozen: {
    happened: ["The app's secret is frozen", '此应用的 AppSecret 已被冻结'],
    todo: [
      "Unfreeze the secret on WeChat's console; it takes ten minutes.",
      '请在微信后台解冻 AppSecret，约十分钟后生效。',
    ],
  },
  rate: {
    happened: ['The limit per minute was reached', '已达到每分钟的调用上限'],
    todo: NOTHING,
  },
  quota: {
    happened: ['A limit for calls or refreshes was reached', '已达到调用或刷新次数上限'],
    todo: [
      'Wait until it is allowed again. If this happens often, find out which other programs request tokens of this account.',
      '请等待限制解除。若经常发生，请检查还有哪些程序在获取此账号的 token。',
    ],
  },
  dayQuota: {
    happened: ['The daily quota of calls to WeChat is used up', '当天的调用额度已用完'],
    todo: [
      'Find out which other programs request tokens of this account, or clear the quota on WeChat. It resets at midnight, China time.',
      '请检查还有哪些程序在获取此账号的 token，或用 AppSecret 调用 clear_quota/v2 清零。额度在北京时间零点恢复。',
    ],
  },
  clearing: {
    happened: ['The quota was cleared ten times this month', '本月的 10 次清零机会已用完'],
    todo: [
      'Wait until midnight, China time, when the daily quota resets.',
      '请等到北京时间零点，调用额度届时恢复；下个月才能再次清零。',
    ],
  },
  confirm: {
    happened: ['The administrator has not confirmed this server', '管理员尚未确认此服务器'],
    todo: [
      "Have the account's administrator confirm the request that WeChat sent to them.",
      '请让该账号的管理员确认微信发送的请求。',
    ],
  },
  user: {
    happened: ["The user's authorization is no longer valid", '用户的授权已失效'],
    todo: ['Have the user log in again.', '请让用户重新登录授权。'],
  },
  merchant: {
    happened: ['The merchant no longer authorizes the platform', '授权方对第三方平台的授权已失效'],
    todo: ['Have the merchant authorize the platform again.', '请授权方重新授权给第三方平台。'],
  },
  ticket: {
    happened: [
      "WeChat's component_verify_ticket is missing or too old",
      '缺少验证票据（component_verify_ticket），或已过期',
    ],
    todo: [
      "Check that WeChat's pushes arrive, one every ten minutes. If none does, call api_start_push_ticket.",
      '请检查「授权事件接收 URL」能否收到推送（每 10 分钟一次）；收不到时，调用「启动票据推送服务」（api_start_push_ticket）。',
    ],
  },
  ticketsStopped: {
    happened: [
      'WeChat has pushed no new verify ticket for 30 minutes',
      '已超过 30 分钟未收到新的验证票据（component_verify_ticket）',
    ],
    todo: [
      "Check that WeChat reaches the URL for authorization events on its console. To have it push again, send WeChat's api_start_push_ticket the appid and secret of the platform, or run the release check on the console.",
      '微信每 10 分钟推送一次。请检查「授权事件接收 URL」能否被微信访问；要让微信恢复推送，可用平台的 appid 和 AppSecret 调用微信的「启动票据推送服务」（api_start_push_ticket），或在开放平台后台执行「全网发布检测」。',
    ],
  },
  input: {
    happened: ['The refresh needs something that has not been provided', '刷新所需的信息不完整'],
    todo: [
      'Register the app or the task again with what the details name.',
      '请按详细信息中所缺的内容，重新注册此应用或任务。',
    ],
  },
  functionMissing: {
    happened: ['This process does not have the params function', '此进程没有此任务的 params 函数'],
    todo: [
      'Nothing, if another process registers this task with its function. Otherwise register it again in your application.',
      '若有其他进程带着该函数注册了此任务，则无需处理；否则请在应用中重新注册。',
    ],
  },
  waitsForPush: {
    happened: ['Waiting for a token that WeChat pushes', '尚未收到微信推送的可用验证票据'],
    todo: [
      "Check that WeChat's pushes, one every ten minutes, arrive and are stored. If none arrives, call api_start_push_ticket.",
      '请检查「授权事件接收 URL」能否收到推送（每 10 分钟一次），并已用 put 保存；收不到时，调用「启动票据推送服务」（api_start_push_ticket）。',
    ],
  },
  waitsForRefreshToken: {
    happened: ['Waiting for a refresh token', '等待刷新令牌（refresh_token）'],
    todo: [
      'Have the user or merchant authorize, and store the grant (the command put), or register the task with its refresh token.',
      '请让用户或授权方授权，并保存授权结果（命令 put），或带上 refresh_token 重新注册此任务。',
    ],
  },
  waitsForDependency: {
    happened: ['Waiting for another token', '等待所依赖的 token'],
    todo: [
      'Fix the token named in the details first: this one is fetched as soon as that is available.',
      '请先处理详细信息中所指的 token；该 token 可用后会立即获取此 token。',
    ],
  },
  waitsForParams: {
    happened: ['Waiting for the params', '等待参数（params）'],
    todo: [
      'Check the params function or URL of this task: it is asked again automatically.',
      '请检查此任务的 params 函数或 URL；会自动重试。',
    ],
  },
  waitsForStore: {
    happened: ['Waiting for the store', '等待存储恢复'],
    todo: [
      'Check the store (disk, Redis or database): whether it is full, read-only or unavailable, and has the right encryption key.',
      '请检查存储（磁盘、Redis 或数据库）是否已满、只读或不可访问，以及加密密钥是否正确。',
    ],
  },
  waitsForProcess: {
    happened: ['Waiting for another process', '等待其他进程'],
    todo: [
      'Run a process on the same store that has what the details name, or register the app or the task again.',
      '请在同一存储上运行具备所需条件（见详细信息）的进程，或重新注册此应用或任务。',
    ],
  },
  account: {
    happened: ['WeChat has restricted the account', '该账号已被微信限制'],
    todo: ["Look for a notice from WeChat on the account's console.", '请在该账号的微信后台查看通知。'],
  },
  permission: {
    happened: ['The account lacks the permission for this interface', '该账号没有此接口的权限'],
    todo: [
      'Check that the account is of the right kind, is verified, and has this permission.',
      '请检查账号类型、认证状态以及该接口的权限。',
    ],
  },
  https: {
    happened: ['WeChat requires https', '微信要求使用 https'],
    todo: [
      "Use an origin that begins with https in the server's configuration.",
      '请在服务器配置中使用以 https 开头的地址。',
    ],
  },
  defect: {
    happened: ['WeChat could not understand the request', '微信无法识别该请求'],
    todo: ['Report it to the people who run this server.', '请告知此服务器的维护人员。'],
  },
  stale: {
    happened: ['The token that was sent is no longer valid', '所用的 token 已失效'],
    todo: ['Nothing: the token is replaced automatically.', '无需处理：会自动刷新。'],
  },
  busy: {
    happened: ['WeChat did not answer, or is busy', '微信没有响应，或系统繁忙'],
    todo: [
      "Nothing: it is retried automatically. If it persists, check this server's network and proxy.",
      '无需处理：会自动重试。若持续出现，请检查此服务器的网络和代理。',
    ],
  },
  rejected: {
    happened: ['WeChat rejected the request', '微信拒绝了请求'],
    todo: ['See the details for the reason.', '原因见详细信息。'],
  },
  unregistered: {
    happened: ['The app is not registered', '此应用未注册'],
    todo: ['Register the app with its secret.', '请用 AppSecret 注册此应用。'],
  },
  readOnly: {
    happened: ['This server is read-only', '此服务器只读'],
    todo: ['Refresh on a server that refreshes tokens.', '请在负责刷新的服务器上操作。'],
  },
  store: {
    happened: ['The store of the server does not answer', '服务器的存储没有响应'],
    todo: [
      'Check that the store (disk, Redis or database) runs and can be reached. Tokens in memory are still served.',
      '请检查存储（磁盘、Redis 或数据库）是否正常且可访问。内存中的 token 仍可使用。',
    ],
  },
  timeout: {
    happened: ['The request timed out', '操作超时'],
    todo: ['Check again in a moment: the refresh continues.', '请稍后再看：刷新仍在进行。'],
  },
  closing: {
    happened: ['The server is closing', '服务器正在关闭'],
    todo: ['Wait until it has started again.', '请等待服务器重新启动。'],
  },
  unreachable: {
    happened: ['The server cannot be reached', '无法连接服务器'],
    todo: [
      'Check that the server runs and your network is up. It is retried automatically.',
      '请检查服务器是否运行、网络是否正常。会自动重试。',
    ],
  },
  noKey: {
    happened: ['An API key is required', '需要 API Key'],
    todo: ['Enter an API key.', '请输入 API Key。'],
  },
  scope: {
    happened: ['You do not have permission for this', '没有此操作的权限'],
    todo: [
      'Enter an API key for this app, with the scope named in the details.',
      '请输入对此应用具有相应权限（见详细信息）的 API Key。',
    ],
  },
  tooMany: {
    happened: ['This API key has reached its rate limit', '此 API Key 的请求过于频繁'],
    todo: NOTHING,
  },
  gone: {
    happened: ['This task no longer exists', '此任务已不存在'],
    todo: ['Nothing, if it was unregistered on purpose.', '若是有意注销，则无需处理。'],
  },
  unknown: {
    happened: ['Something went wrong', '发生错误'],
    todo: ["See the details, and the server's log.", '请查看详细信息和服务器日志。'],
  },
} as const satisfies Record<string, Advice>;

export type Situation = keyof typeof ADVICE;
