// This process runs one manager on a shared store, and its parent controls it.
import { TokenManager } from 'wechat-token-manager';
import { HandOut } from './hand-out.mjs';
import { makeMortal } from './mortal-store.mjs';
import { openStore } from './open-store.mjs';

/** @type {import('../../support/servers/worker.js').WorkerOrders} */
const { store: described, origin, refresh, death } = JSON.parse(process.argv[2] ?? '');
const store = await openStore(described);
makeMortal(store, death);
const tokens = new TokenManager({
  store,
  wechat: { origins: [origin] },
  ...(refresh === undefined ? {} : { refresh }),
});
/** @type {HandOut | undefined} */
let handOut;

/** @param {object} event */
const tell = (event) => void process.send?.(event);
tokens.on('refreshed', ({ appid, type, subject, source, record }) => {
  const { value, obtainedAt, dueAt } = record;
  tell({ event: 'refreshed', appid, type, subject, source, value, obtainedAt, dueAt });
});
tokens.on('refreshFailed', ({ appid, type, error }) => {
  tell({ event: 'refreshFailed', appid, type, code: error.code });
});
tokens.on('reauthorizationRequired', ({ appid, type }) => tell({ event: 'reauthorizationRequired', appid, type }));
tokens.on('storeUnavailable', ({ error }) => tell({ event: 'storeUnavailable', code: error.code }));
tokens.on('storeAvailable', () => tell({ event: 'storeAvailable' }));

/** @type {Record<string, (input: any) => Promise<unknown>>} */
const commands = {
  register: (registration) => tokens.register(registration),
  unregister: (appid) => tokens.unregister(appid),
  start: () => tokens.start(),
  get: ({ appid, type, subject }) => tokens.get(appid, type, { subject }),
  peek: async ({ appid, type, subject }) => tokens.peek(appid, type, { subject })?.value,
  version: async ({ appid, type, subject }) => tokens.peek(appid, type, { subject })?.version,
  force: ({ appid, type, subject }) => tokens.refresh(appid, type, { subject, force: true }),
  report: ({ appid, type, subject, stale }) => tokens.refresh(appid, type, { subject, stale }),
  handOut: async ({ keys, everyMs }) => {
    handOut = new HandOut(tokens, keys, everyMs);
  },
  stopHandingOut: async () => handOut?.stop(),
  stored: async (id) => (await store.get([id]))[0]?.data,
  clock: async () => Date.now(),
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
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
