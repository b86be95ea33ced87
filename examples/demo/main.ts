// `npm run demo` shows in a minute what this library does. With WECHAT_APPID and WECHAT_SECRET set, it requests one token
// from WeChat itself instead, and prints its expiry.
import { Demo } from './demo.js';
import { askWeChat } from './real-wechat.js';

const { WECHAT_APPID, WECHAT_SECRET } = process.env;

if (WECHAT_APPID && WECHAT_SECRET) {
  process.exitCode = await askWeChat(WECHAT_APPID, WECHAT_SECRET);
} else {
  const demo = new Demo();
  let interrupted = false;
  const interrupt = (): void => {
    if (interrupted) process.exit(130);
    interrupted = true;
    console.log('\nInterrupted: ending the processes and removing the files ...');
    void demo.stop().finally(() => process.exit(130));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    const isGood = await demo.run();
    if (!interrupted) process.exitCode = isGood ? 0 : 1;
  } catch (error) {
    if (!interrupted) {
      console.error(`The demo failed: ${(error as Error).message}`);
      await demo.stop();
      process.exitCode = 1;
    }
  }
}
