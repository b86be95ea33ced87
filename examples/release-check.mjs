// #region release-check
import { FakeWeChat } from 'wechat-token-manager/testing';

const { COMPONENT_APPID = '', COMPONENT_SECRET = '', PUSH_TOKEN = '', PUSH_KEY = '' } = process.env;
const { PORT = '8080', FAKE_PORT = '8090' } = process.env;

const apps = { [COMPONENT_APPID]: { secret: COMPONENT_SECRET } };
const wechat = await FakeWeChat.start({ port: Number(FAKE_PORT), apps });
const url = `http://127.0.0.1:${PORT}/push/${COMPONENT_APPID}`;
const secrets = { token: PUSH_TOKEN, encodingAesKey: PUSH_KEY };
wechat.setPush(COMPONENT_APPID, { url, authorizerUrl: `${url}/$APPID$`, ...secrets });

const { passed, steps } = await wechat.runReleaseCheck(COMPONENT_APPID, { pair: 'all' });
for (const { step, account, reason = 'passed' } of steps) console.log(`${step} of ${account}: ${reason}`);
await wechat.close();
process.exitCode = passed ? 0 : 1;
// #endregion
