// A process that holds one manager on a shared directory and does what its parent says.
import { FileStore, TokenManager } from 'wechat-token-manager';

const [directory, origin] = process.argv.slice(2);
const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [origin] } });
for (const name of ['refreshed', 'refreshFailed']) {
  tokens.on(name, ({ appid, type, source, record, error }) => {
    process.send({ event: name, appid, type, source, value: record?.value, code: error?.code });
  });
}

const commands = {
  register: (registration) => tokens.register(registration),
  start: () => tokens.start(),
  get: ({ appid, type }) => tokens.get(appid, type),
  peek: async ({ appid, type }) => tokens.peek(appid, type)?.value,
  force: ({ appid, type }) => tokens.refresh(appid, type, { force: true }),
  close: () => tokens.close(),
};

process.on('message', async ({ id, command, input }) => {
  try {
    process.send({ id, result: await commands[command](input) });
  } catch (error) {
    process.send({ id, error: { code: error.code, message: error.message } });
  }
});
process.send({ ready: true });
