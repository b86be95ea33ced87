// This process keeps the tokens of its registration fresh, hands each out all the time, and reports what it sees.
import { setTimeout as passes } from 'node:timers/promises';
import { FileStore, TokenManager } from 'wechat-token-manager';

const EVERY_MS = 20;
const [directory = '', origin = '', text = ''] = process.argv.slice(2);
const registration = JSON.parse(text);
const { appid, tasks } = registration;
const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [origin] } });
/** @param {object} event */
const tell = (event) => void process.send?.({ ...event, clock: Date.now() });
tokens.on('reauthorizationRequired', ({ type }) => tell({ event: 'reauthorizationRequired', type }));
tokens.on('refreshFailed', ({ type, error }) => tell({ event: 'refreshFailed', type, code: error.code }));

process.on('disconnect', () => process.exit());
await tokens.register(registration);
await Promise.all(tasks.map(handOut));

/** @param {{ type: import('wechat-token-manager').BuiltInTokenType, subject?: string }} task */
async function handOut({ type, subject }) {
  for (;;) {
    try {
      tell({ event: 'served', type, value: await tokens.get(appid, type, subject === undefined ? {} : { subject }) });
    } catch (error) {
      tell({ event: 'turnedAway', type, code: /** @type {any} */ (error).code });
    }
    await passes(EVERY_MS);
  }
}
