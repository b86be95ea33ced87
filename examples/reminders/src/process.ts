import { pino } from 'pino';
import { readSettings, type Settings } from './settings.js';
import { WeChatApp } from './wechat-app.js';

const STOP_WITHIN_MS = 20_000;

interface Service {
  stop(): Promise<void>;
}

/** Runs services until the process is told to end. An unusable environment ends it at once, with code 2. */
export async function run(
  start: (settings: Settings, app: WeChatApp, log: pino.Logger) => Promise<readonly Service[]>,
): Promise<void> {
  const settings = settingsOrEnd();
  const log = pino({ level: settings.logLevel });
  const app = new WeChatApp(settings, log);
  app.ready.catch(endUnusable);
  const services = await start(settings, app, log);
  const stop = async (): Promise<void> => {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    await Promise.all(services.map((service) => service.stop()));
    await app.close();
    process.exit(0);
  };
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // A terminal and npm may each send one: the second must not end the process while messages are being sent.
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      stop().catch((error: Error) => {
        log.error({ error: error.message }, 'the service did not stop in order');
        process.exit(1);
      });
    });
  }
}

function settingsOrEnd(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    return endUnusable(error as Error);
  }
}

function endUnusable({ message }: Error): never {
  console.error(message);
  return process.exit(2);
}
