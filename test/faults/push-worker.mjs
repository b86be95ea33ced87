// This process receives the pushes to a platform, and kills itself at a given moment.
import { createServer } from 'node:http';
import { FileStore, TokenManager } from 'wechat-token-manager';
import { createPushReceiver } from 'wechat-token-manager/platform';

const [directory = '', origin = '', registration = '', dieAt = '', of = '', nth = '1'] = process.argv.slice(2);

/** The number of times that the moment may still pass. */
let left = Number(nth);

/**
 * @param {string} when
 * @param {string} id
 */
function dieIfNow(when, id) {
  if (`${when} ${nameOf(id)}` !== dieAt || !id.endsWith(of)) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

class MortalStore extends FileStore {
  /** @override @param {string} id @param {number} ttlMs */
  async lease(id, ttlMs) {
    const lease = await super.lease(id, ttlMs);
    dieIfNow('lease of', id);
    return lease;
  }

  /** @override @param {Parameters<FileStore['set']>} args */
  async set(...args) {
    dieIfNow('before', args[0]);
    const version = await super.set(...args);
    dieIfNow('after', args[0]);
    return version;
  }

  /** @override @param {Parameters<FileStore['delete']>} args */
  async delete(...args) {
    dieIfNow('before removal of', args[0]);
    const isDeleted = await super.delete(...args);
    dieIfNow('after removal of', args[0]);
    return isDeleted;
  }
}

/**
 * Returns the kind of a document, and of a key's also the type.
 *
 * @param {string} id
 */
function nameOf(id) {
  const [kind, , type] = id.split('/');
  return kind === 'key' || kind === 'task' ? `${kind} ${type}` : `${kind}`;
}

const tokens = new TokenManager({ store: new MortalStore(directory), wechat: { origins: [origin] } });
await tokens.register(JSON.parse(registration));
// A failure of an exchange is repeated, and WeChat repeats a push.
const receiver = createPushReceiver(tokens, { onError: () => {} });
const server = createServer(receiver.node).listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.send?.({ port });
});
process.on('disconnect', () => process.exit());
