// This process keeps the tokens of some users fresh, and kills itself at a given moment.
import { FileStore, TokenManager } from 'wechat-token-manager';

const [directory = '', origin = '', appid = '', dieAt = ''] = process.argv.slice(2);
const die = () => void process.kill(process.pid, 'SIGKILL');

/** The number of writes of a key that this process has begun: the first announces, the second stores the answer. */
let writes = 0;

class MortalStore extends FileStore {
  /** @override @param {string} id @param {number} ttlMs */
  async lease(id, ttlMs) {
    const lease = await super.lease(id, ttlMs);
    if (dieAt === 'lease' && id.startsWith('key/')) die();
    return lease;
  }

  /** @override @param {Parameters<FileStore['set']>} args */
  async set(...args) {
    if (!args[0].startsWith('key/')) return super.set(...args);
    writes += 1;
    const name = writes === 1 ? 'announcement' : 'answer';
    if (dieAt === `before the ${name}`) die();
    const version = await super.set(...args);
    if (dieAt === `after the ${name}`) die();
    return version;
  }
}

const tokens = new TokenManager({
  store: dieAt === '' ? new FileStore(directory) : new MortalStore(directory),
  wechat: { origins: [origin] },
});
/** @param {object} event */
const tell = (event) => void process.send?.(event);
tokens.on('reauthorizationRequired', ({ subject }) => tell({ event: 'reauthorizationRequired', subject }));
tokens.on('refreshed', ({ subject, record }) => tell({ event: 'refreshed', subject, value: record.value }));

process.on('message', async (/** @type {Record<string, string>} */ refreshTokens) => {
  const tasks = Object.entries(refreshTokens).map(([subject, refresh_token]) => ({
    type: /** @type {const} */ ('oauth2_access_token'),
    subject,
    params: { refresh_token },
  }));
  await tokens.register({ appid, secret: 'secret', tasks });
  tell({ event: 'registered' });
});
tell({ event: 'started' });
