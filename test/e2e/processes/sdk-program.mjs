// Plays a program that uses three unchanged SDKs, with one setting each. It repeats their calls until it is told to
// stop, and then tells its parent what succeeded and what failed.
//
// usage: sdk-program.mjs <server> <appid> <secret> <picture file>
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);
const CoWeChatApi = load('co-wechat-api');
const WeChatApi = load('wechat-api');
const { MiniApp, OfficialAccount } = load('node-easywechat');

const [server, appid, secret, picture] = process.argv.slice(2);
const PAUSE_MS = 250;

const co = new CoWeChatApi(appid, secret);
co.prefix = `${server}/cgi-bin/`;
co.snsPrefix = `${server}/sns/`;

const old = new WeChatApi(appid, secret);
old.endpoint = server;
/**
 * @param {string} method
 * @param {...unknown} given
 * @returns {Promise<any>}
 */
const promised = (method, ...given) =>
  new Promise((resolve, reject) => {
    old[method](...given, (/** @type {unknown} */ error, /** @type {unknown} */ result) =>
      error ? reject(error) : resolve(result),
    );
  });

const configOf = (/** @type {boolean} */ isStable) => ({
  app_id: appid,
  secret,
  http: { baseURL: `${server}/` },
  use_stable_access_token: isStable,
  oauth: { scopes: ['snsapi_userinfo'], redirect_url: 'https://shop.example/login' },
});
const easy = new OfficialAccount(configOf(true));
const plain = new MiniApp(configOf(false));

/** Returns a code of a user who has just logged in. */
function loginCode() {
  return new Promise((resolve) => {
    process.once('message', (/** @type {{ code: string }} */ { code }) => resolve(code));
    process.send?.({ needs: 'code' });
  });
}

/** @param {unknown} condition @param {string} what @param {unknown} [got] */
function assert(condition, what, got) {
  if (!condition) throw new Error(`${what}: ${typeof got === 'string' ? got : JSON.stringify(got)}`);
}

async function userLogin() {
  const login = easy.getOAuth();
  // node-socialite has no setting for its host.
  login._baseUrl = `${server}/sns`;
  const user = await login.userFromCode(await loginCode());
  assert(user.getNickname() === 'nick', 'the user', user);
}

const CALLS = {
  'co-wechat-api': {
    user: async () => assert((await co.getUser({ openid: 'o1' })).openid === 'o1', 'the user'),
    upload: async () => assert((await co.uploadMedia(picture, 'image')).media_id === 'MEDIA-1', 'the upload'),
    download: async () => assert((await co.getMedia('MEDIA-1')).length === 5_004, 'the download'),
    message: async () => assert((await co.sendText('o1', 'hello')).errcode === 0, 'the message'),
    signature: async () => assert((await co.getJsConfig({ url: 'https://shop.example/' })).signature, 'the signature'),
  },
  'wechat-api': {
    user: async () => assert((await promised('getUser', { openid: 'o1' })).openid === 'o1', 'the user'),
    followers: async () => assert((await promised('getFollowers')).total === 1, 'the followers'),
    download: async () => assert((await promised('getMedia', 'MEDIA-1')).length === 5_004, 'the download'),
    message: async () => assert((await promised('sendText', 'o1', 'hello')).errcode === 0, 'the message'),
    signature: async () => {
      const config = await promised('getJsConfig', { url: 'https://shop.example/' });
      assert(config.signature, 'the signature', config);
    },
  },
  'node-easywechat': {
    user: async () => {
      const answer = (await easy.getClient().get('/cgi-bin/user/info', { params: { openid: 'o1' } })).toObject();
      assert(answer.openid === 'o1', 'the user', answer);
    },
    upload: async () => {
      const client = easy.getClient().withFile(picture, 'media');
      const answer = (await client.post('/cgi-bin/media/upload', { params: { type: 'image' } })).toObject();
      assert(answer.media_id === 'MEDIA-1', 'the upload', answer);
    },
    message: async () => {
      const message = { touser: 'o1', msgtype: 'text', text: { content: 'hello' } };
      const answer = (await easy.getClient().postJson('/cgi-bin/message/custom/send', message)).toObject();
      assert(answer.errcode === 0, 'the message', answer);
    },
    plain: async () => {
      const answer = (await plain.getClient().get('/cgi-bin/user/get')).toObject();
      assert(answer.total === 1, 'the followers', answer);
    },
    signature: async () => assert(await easy.getTicket().getTicket(), 'the ticket'),
    session: async () => {
      const session = await plain.getUtils().codeToSession(await loginCode());
      assert(session.session_key, 'the session', session);
    },
    login: userLogin,
  },
};

/** @type {Record<string, number>} */
const succeeded = {};
/** @type {{ at: number, call: string, error: string }[]} */
const failures = [];
let stops = false;
process.on('message', (message) => {
  if (message === 'stop') stops = true;
});

/** @param {string} sdk @param {string} name @param {() => Promise<void>} make */
async function call(sdk, name, make) {
  try {
    await make();
    const key = `${sdk} ${name}`;
    succeeded[key] = (succeeded[key] ?? 0) + 1;
  } catch (error) {
    failures.push({
      at: Date.now(),
      call: `${sdk} ${name}`,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

while (!stops) {
  for (const [sdk, calls] of Object.entries(CALLS)) {
    for (const [name, make] of Object.entries(calls)) await call(sdk, name, make);
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
process.send?.({ succeeded, failures }, () => process.exit(0));
