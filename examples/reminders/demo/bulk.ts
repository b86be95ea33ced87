// `npm run bulk` measures a hundred thousand reminders: what Redis and the service hold, how long it takes to move one, and
// how late messages are when fifty are due in a second.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from './client.js';
import { APPID, Scene, TEMPLATE, withConcurrency } from './scene.js';

const USERS = Number(process.env['BULK_USERS'] ?? 1_000);
const FAR_EACH = 97;
const NEAR_EACH = 3;
const PER_SECOND = 50;
/** A minute passes in a second: what is due in one minute is due in one second. */
const FACTOR = 60;
const MOVES = 200;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const scene = await Scene.start({ factor: FACTOR, lifeSeconds: 600, delayMs: 5 });
const clients: Client[] = [];
try {
  await withConcurrency(USERS, async (user) => {
    const openid = `o-user-${user}`;
    const client = await scene.logIn(openid);
    scene.wechat.acceptPrompt(APPID, openid, TEMPLATE, { times: NEAR_EACH });
    for (let index = 0; index < NEAR_EACH; index++) await client.consent(`nonce-${user}-${index}`);
    clients[user] = client;
  });
  const startedAt = performance.now();
  await withConcurrency(USERS * FAR_EACH, (index) =>
    create(index % USERS, `far/${index}`, scene.clock.now() + 14 * HOUR_MS),
  );
  const createdIn = (performance.now() - startedAt) / 1_000;
  const firstMinute = Math.ceil((scene.clock.now() + 15 * MINUTE_MS) / MINUTE_MS);
  await withConcurrency(USERS * NEAR_EACH, (index) => {
    const at = (firstMinute + Math.floor(index / PER_SECOND)) * MINUTE_MS;
    return create(index % USERS, `near/${index}`, at);
  });
  const moves = await timeMoves();
  const held = { redis: redisMiB(), service: serviceMiB() };
  const due = USERS * NEAR_EACH;
  const lastAt = (firstMinute + due / PER_SECOND) * MINUTE_MS;
  await wait(scene.clock.toTimer(lastAt + 10 * MINUTE_MS - scene.clock.now()));
  const late = scene.wechat.messages
    .map(({ at, data }) => ({ at, number: Number(String((data['thing1'] as { value: string }).value).split('/')[1]) }))
    .map(({ at, number }) => at - scene.realTimeOf((firstMinute + Math.floor(number / PER_SECOND)) * MINUTE_MS))
    .sort((left, right) => left - right);
  console.table({
    reminders: USERS * (FAR_EACH + NEAR_EACH),
    'created a second': Math.round((USERS * FAR_EACH) / createdIn),
    'Redis holds, MiB': held.redis,
    'the service holds (RSS), MiB': held.service,
    'a move, median ms': quantile(moves, 0.5),
    'a move, p99 ms': quantile(moves, 0.99),
    'due a second': PER_SECOND,
    'arrived of due': `${late.length} of ${due}`,
    'late, median ms': quantile(late, 0.5),
    'late, p99 ms': quantile(late, 0.99),
    'late, most ms': Math.round(late.at(-1) ?? Number.NaN),
  });
  if (late.length !== due) process.exitCode = 1;
} finally {
  await scene.close();
}

function create(user: number, detail: string, at: number): Promise<unknown> {
  const time = new Date(at);
  const choice = { contentId: 'c', detail, hour: time.getUTCHours(), minute: time.getUTCMinutes(), zone: 'UTC' };
  return clients[user]?.create(1, choice) ?? Promise.reject(new Error('the user has not logged in'));
}

async function timeMoves(): Promise<readonly number[]> {
  const client = clients[0];
  const [reminder] = (await client?.list())?.reminders.filter(({ detail }) => detail.startsWith('far/')) ?? [];
  if (client === undefined || reminder === undefined) throw new Error('there is no reminder to move');
  const took: number[] = [];
  for (let move = 0; move < MOVES; move++) {
    const startedAt = performance.now();
    await client.edit(reminder.id, { minute: move % 60 });
    took.push(performance.now() - startedAt);
  }
  return took.sort((left, right) => left - right);
}

function redisMiB(): number {
  const info = execFileSync('redis-cli', ['-p', String(scene.redisPort), 'info', 'memory'], { encoding: 'utf8' });
  return Math.round(Number(/^used_memory:(\d+)/m.exec(info)?.[1]) / 2 ** 20);
}

function serviceMiB(): number {
  const status = readFileSync(`/proc/${scene.servicePid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 2 ** 10);
}

function quantile(sorted: readonly number[], share: number): number {
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1));
}
