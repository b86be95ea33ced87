// This process keeps one user's token fresh in a directory and reports everything that happens.
import { FileStore, TokenManager } from 'wechat-token-manager';

const [directory = '', origin = '', registration = ''] = process.argv.slice(2);
const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [origin] } });
tokens.on('refreshed', ({ record }) => void process.send?.({ event: 'refreshed', value: record.value }));
tokens.on('storeUnavailable', () => void process.send?.({ event: 'storeUnavailable' }));
tokens.on('storeAvailable', () => void process.send?.({ event: 'storeAvailable' }));

process.on('message', async (/** @type {any} */ { appid, type, subject }) => {
  try {
    process.send?.({ event: 'got', value: await tokens.get(appid, type, { subject }) });
  } catch (error) {
    process.send?.({ event: 'got', code: /** @type {any} */ (error).code });
  }
});
await tokens.register(JSON.parse(registration));
