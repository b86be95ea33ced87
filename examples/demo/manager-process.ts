// This is a process of the demo: an application, and a reader that requests every token every 50 ms.
import { FileStore, TokenManager } from 'wechat-token-manager';
import { DEMO_APPS, DEMO_KEYS, type DemoKey, type FromManager, type ManagerInput, type ToManager } from './messages.js';

const READ_EVERY_MS = 50;

let reading: NodeJS.Timeout | undefined;
let isClosing = false;

const { origin, directory } = JSON.parse(process.argv[2] ?? '{}') as ManagerInput;
const tokens = new TokenManager({
  store: new FileStore(directory),
  refresh: { marginMs: 10_000 },
  wechat: { origins: [origin] },
});

tokens.on('refreshed', ({ appid, type, record, reason, source }) => {
  const { expiresAt, dueAt } = record;
  tell({ kind: 'refreshed', at: Date.now(), key: { appid, type } as DemoKey, source, reason, expiresAt, dueAt });
});
tokens.on('refreshFailed', ({ appid, type, error, retryAt }) => {
  const key = { appid, type } as DemoKey;
  const expiresAt = tokens.peek(key.appid, key.type)?.expiresAt;
  tell({ kind: 'refreshFailed', at: Date.now(), key, message: error.message, retryAt, expiresAt });
});

process.on('message', (message: ToManager) => {
  if (message.kind === 'close') void close();
  else void tellNextDue();
});
// The demo ends its processes itself. If the demo is gone, they end as well.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

try {
  for (const { appid, secret, accessToken, types } of DEMO_APPS) {
    await tokens.register({ appid, secret, accessToken, tasks: types });
  }
  await Promise.all(DEMO_KEYS.map(read));
  tell({ kind: 'ready', at: Date.now() });
  if (!isClosing) reading = setInterval(() => void Promise.all(DEMO_KEYS.map(read)), READ_EVERY_MS);
} catch (error) {
  if (!isClosing) throw error;
}

async function read(key: DemoKey): Promise<void> {
  const askedAt = performance.now();
  try {
    const value = await tokens.get(key.appid, key.type);
    tell({ kind: 'read', at: Date.now(), key, waitedMs: performance.now() - askedAt, value });
  } catch (error) {
    tell({ kind: 'read', at: Date.now(), key, waitedMs: performance.now() - askedAt, error: String(error) });
  }
}

async function tellNextDue(): Promise<void> {
  let at = Number.MAX_SAFE_INTEGER;
  for await (const { dueAt } of tokens.status()) at = Math.min(at, dueAt ?? 0);
  tell({ kind: 'nextDue', at });
}

async function close(): Promise<void> {
  isClosing = true;
  clearInterval(reading);
  await tokens.close();
  if (process.connected) process.disconnect();
}

function tell(message: FromManager): void {
  if (process.connected) process.send?.(message);
}
