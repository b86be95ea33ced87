import { FakeWeChat } from '../../testing/fake-wechat.js';
import { hostOf, portOf } from '../args/address-options.js';
import type { CommandCall } from '../args/command.js';
import type { OptionValues } from '../args/option-values.js';
import { FAKE_HOST, FAKE_PORT, JSON_OUTPUT, LIFE_SECONDS } from '../args/options.js';
import { failureText } from '../failures/failure-text.js';

const YEAR_SECONDS = 31_536_000;

/** Runs a fake WeChat until the process is told to end. */
export async function fake({ options, io }: CommandCall): Promise<number> {
  const stopped = untilStopped();
  const wechat = await start(options);
  const { origin } = wechat;
  io.stdout.write(options.isSet(JSON_OUTPUT) ? `${JSON.stringify({ url: origin })}\n` : `${origin}\n`);
  await stopped;
  await wechat.close();
  return 0;
}

async function start(options: OptionValues): Promise<FakeWeChat> {
  const port = portOf(options, FAKE_PORT);
  const host = hostOf(options, FAKE_HOST);
  const lifeSeconds = options.integer(LIFE_SECONDS, 1, YEAR_SECONDS);
  try {
    return await FakeWeChat.start({ port, host, lifeSeconds });
  } catch (error) {
    const { code = failureText(error) } = error as NodeJS.ErrnoException;
    const reason = code === 'EADDRINUSE' ? 'it is in use; name another with --port' : code;
    throw new Error(`cannot listen on ${host}, port ${port}: ${reason}`, { cause: error });
  }
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
