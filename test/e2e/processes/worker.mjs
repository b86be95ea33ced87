// A process that holds one manager on a shared directory and does what its parent says.
import { FileStore, TokenManager } from 'wechat-token-manager';

const [directory = '', origin = ''] = process.argv.slice(2);
const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [origin] } });
tokens.on('refreshed', ({ appid, type, source, record }) => {
  process.send?.({ event: 'refreshed', appid, type, source, value: record.value });
});
tokens.on('refreshFailed', ({ appid, type, error }) => {
  process.send?.({ event: 'refreshFailed', appid, type, code: error.code });
});

/** @type {Record<string, (input: any) => Promise<unknown>>} */
const commands = {
  register: (registration) => tokens.register(registration),
  start: () => tokens.start(),
  get: ({ appid, type, subject }) => tokens.get(appid, type, { subject }),
  peek: async ({ appid, type }) => tokens.peek(appid, type)?.value,
  force: ({ appid, type, subject }) => tokens.refresh(appid, type, { subject, force: true }),
  report: ({ appid, type, subject, stale }) => tokens.refresh(appid, type, { subject, stale }),
  close: () => tokens.close(),
};

process.on('message', async (/** @type {any} */ { id, command, input }) => {
  try {
    process.send?.({ id, result: await commands[command]?.(input) });
  } catch (error) {
    const { code, message } = /** @type {any} */ (error);
    process.send?.({ id, error: { code, message } });
  }
});
process.send?.({ ready: true });
