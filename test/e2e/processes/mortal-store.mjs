// This module kills its process at a chosen moment of a refresh.

const die = () => void process.kill(process.pid, 'SIGKILL');

/**
 * @param {import('wechat-token-manager').TokenStore} store
 * @param {import('../../support/servers/worker.js').Death | undefined} death
 */
export function makeMortal(store, death) {
  if (death === undefined) return;
  /** @param {string} id */
  const isMeant = (id) => id.startsWith('key/') && id.includes(death.of);
  const lease = store.lease.bind(store);
  const claimDue = store.claimDue?.bind(store);
  const set = store.set.bind(store);
  store.lease = async (id, ttlMs) => {
    const taken = await lease(id, ttlMs);
    if (death.at === 'lease' && isMeant(id)) die();
    return taken;
  };
  if (claimDue !== undefined) {
    store.claimDue = async (...args) => {
      const taken = await claimDue(...args);
      if (death.at === 'lease' && taken.some(({ id }) => isMeant(id))) die();
      return taken;
    };
  }
  store.set = async (id, data, ...rest) => {
    const isAnswer = isMeant(id) && data['grant'] !== undefined;
    if (death.at === 'before the answer is written' && isAnswer) die();
    const version = await set(id, data, ...rest);
    if (death.at === 'after the answer is written' && isAnswer) die();
    return version;
  };
}
