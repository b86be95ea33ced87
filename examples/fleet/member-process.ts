// This is a member of the fleet: an application, and a reader that requests every token ten times a second.
import { APPIDS, type FromMember, type MemberInput, type Reading, secretOf } from './fleet-messages.js';
import { join } from './join.js';

const READ_EVERY_MS = 100;

let reading: NodeJS.Timeout | undefined;
let isClosing = false;

const { origin, url, name, follows } = JSON.parse(process.argv[2] ?? '{}') as MemberInput;
const { tokens, leave } = await join(url, name, {
  wechat: { origins: [origin], accessToken: 'plain' }, // where each call gives a new token, and spoils the one before
  ...(follows ? { refresh: 'never' } : {}),
});

tokens.on('refreshed', ({ appid, record, source }) => {
  const { version, expiresAt, dueAt } = record;
  tell({ kind: 'refreshed', at: Date.now(), appid, version, source, expiresAt, dueAt });
});
tokens.on('refreshFailed', ({ appid, error }) => {
  tell({ kind: 'failed', at: Date.now(), appid, message: error.message });
});

process.on('message', () => void close());
// The demo ends its processes itself. If the demo is gone, they end as well.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

if (!follows) {
  const register = (appid: string): Promise<void> =>
    tokens.register({ appid, secret: secretOf(appid), tasks: ['access_token'] });
  await Promise.all(APPIDS.map(register));
}
await readAll();
tell({ kind: 'ready' });
if (!isClosing) reading = setInterval(() => void readAll(), READ_EVERY_MS);

async function readAll(): Promise<void> {
  const readings = await Promise.all(APPIDS.map(read));
  tell({ kind: 'read', readings });
}

async function read(appid: string): Promise<Reading> {
  const askedAt = performance.now();
  try {
    const value = await tokens.get(appid, 'access_token');
    return { appid, at: Date.now(), waitedMs: performance.now() - askedAt, value };
  } catch (error) {
    return { appid, at: Date.now(), waitedMs: performance.now() - askedAt, error: String(error) };
  }
}

async function close(): Promise<void> {
  isClosing = true;
  clearInterval(reading);
  await leave();
  if (process.connected) process.disconnect();
}

function tell(message: FromMember): void {
  if (process.connected) process.send?.(message);
}
