// `npm run soak` plays six hours in three minutes. A thousand users have three reminders each; of two workers one is killed
// twenty times, and Redis once. At the end each occurrence is accounted for, and none was sent twice.
import type { ChildProcess } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { keys } from '../src/redis/keys.js';
import type { Client, ShownReminder } from './client.js';
import { APPID, kill, Scene, TEMPLATE, withConcurrency } from './scene.js';

const USERS = Number(process.env['SOAK_USERS'] ?? 1_000);
const SECONDS = Number(process.env['SOAK_SECONDS'] ?? 180);
const KILLS = Number(process.env['SOAK_KILLS'] ?? 20);
const REMINDERS_EACH = 3;
const FINAL: ReadonlySet<string> = new Set(['sent', 'unknown', 'skipped', 'failed']);
const SEND_PATH = '/cgi-bin/message/subscribe/send';
const FACTOR = 120;
const LIFE_SECONDS = 10;
/** The life of a lock by the real clock. A message is taken over within two of them, which must not exceed its grace. */
const LOCK_MS = 3_000;
const ANSWER_MS = 100;
const MINUTE_MS = 60_000;
/** The time within which the reminders are made, before the first of them is due; by the real clock at least 5 s. */
const LEAD_MS = 10 * MINUTE_MS * Math.max(1, (USERS * REMINDERS_EACH) / 1_000);
/** The most by which an occurrence may come after it was due: its grace, a takeover, and what a slow machine adds. */
const TAIL_MS = 60 * MINUTE_MS;
/** The time around the end of Redis, or a stall, in which messages may come too late; by the real clock it is 8 s. */
const RECOVERY_MS = 16 * MINUTE_MS;

const scene = await Scene.start({ factor: FACTOR, lifeSeconds: LIFE_SECONDS, delayMs: ANSWER_MS, lockMs: LOCK_MS });
const startedAt = performance.now();
const clients: Client[] = [];
/** The occurrences that the killed worker had claimed, by reminder and instant. */
const orphaned = new Set<string>();
let kills = 0;
let redisKilledAt = Number.NaN;
/** The instants at which the machine stood still for so long that a worker that lives may have lost its locks too. */
const stalls: number[] = [];
let beatAt = performance.now();
const heartbeat = setInterval(noteStall, LOCK_MS / 20);
try {
  await withConcurrency(USERS, logIn);
  const firstAt = scene.clock.now() + LEAD_MS;
  const lastAt = firstAt + SECONDS * 1_000 * FACTOR;
  await withConcurrency(USERS, (user) => createAll(user, firstAt, lastAt));
  await killWorkers(firstAt, lastAt);
  await until(lastAt);
  await report(firstAt, lastAt, await untilFinal(lastAt + TAIL_MS));
} finally {
  clearInterval(heartbeat);
  await scene.close();
}

function noteStall(): void {
  const now = performance.now();
  if (now - beatAt > LOCK_MS / 2) stalls.push(scene.clock.now());
  beatAt = now;
}

async function logIn(user: number): Promise<void> {
  const openid = `o-user-${user}`;
  const client = await scene.logIn(openid);
  clients[user] = client;
  for (let index = 0; index < REMINDERS_EACH + 1; index++) {
    scene.wechat.acceptPrompt(APPID, openid, TEMPLATE);
    await client.consent(`nonce-${user}-${index}`);
  }
}

async function createAll(user: number, firstAt: number, lastAt: number): Promise<void> {
  for (let index = 0; index < REMINDERS_EACH; index++) {
    const at = new Date(firstAt + Math.random() * (lastAt - firstAt));
    const time = { hour: at.getUTCHours(), minute: at.getUTCMinutes(), zone: 'UTC' };
    await clients[user]?.create(index === 0 ? 0 : 1, { contentId: `c-${index}`, detail: `${user}/${index}`, ...time });
  }
}

/** Keeps a second worker beside that of the web server, kills it at random instants, and Redis once. */
async function killWorkers(firstAt: number, lastAt: number): Promise<void> {
  const gapMs = (lastAt - firstAt) / (KILLS + 1);
  let worker: ChildProcess = scene.start('worker');
  for (let count = 0; count < KILLS; count++) {
    await until(firstAt + (count + 0.5 + Math.random()) * gapMs);
    // At any step of a message that is being sent, by this worker or the other one. On a machine that lags, the last one
    // may have been sent already.
    const isSending = scene.wechat.nextCall(SEND_PATH).then(() => true);
    if (!(await Promise.race([isSending, until(lastAt).then(() => false)]))) return;
    await wait(Math.random() * 1.5 * ANSWER_MS);
    await kill(worker);
    kills += 1;
    await noteOrphans();
    if (count === Math.floor(KILLS / 2)) {
      redisKilledAt = scene.clock.now();
      await scene.killRedis();
      await wait(500);
      await scene.startRedis();
    }
    worker = scene.start('worker');
  }
}

/** Notes what stays claimed for longer than the worker that lives needs to send it, and shorter than a takeover takes. */
async function noteOrphans(): Promise<void> {
  const database = new Redis(scene.redisPort, '127.0.0.1');
  const first = await claimedIn(database);
  await wait(400);
  const second = await claimedIn(database);
  database.disconnect();
  for (const name of first) if (second.has(name)) orphaned.add(name);
}

async function claimedIn(database: Redis): Promise<ReadonlySet<string>> {
  const prefix = keys.occurrence('', 0).slice(0, -':0'.length - 1);
  const names = await database.keys(`${prefix}:*`);
  const states = await Promise.all(names.map((name) => database.hget(name, 'state')));
  return new Set(names.filter((_, index) => states[index] === 'claimed').map((name) => name.slice(prefix.length + 1)));
}

/** Reads all reminders, until each of them has an outcome that is final, or an instant has passed. */
async function untilFinal(instant: number): Promise<readonly ShownReminder[]> {
  for (;;) {
    const isLast = scene.clock.now() >= instant;
    const reminders: ShownReminder[] = [];
    await withConcurrency(USERS, async (user) => {
      reminders.push(...((await clients[user]?.list())?.reminders ?? []));
    });
    const isFinal = reminders.every(({ outcomes: [latest] }) => latest !== undefined && FINAL.has(latest.state));
    if (isFinal || isLast) return reminders;
    await wait(500);
  }
}

async function report(firstAt: number, lastAt: number, reminders: readonly ShownReminder[]): Promise<void> {
  const outcomes = reminders.flatMap((reminder) => reminder.outcomes.map((outcome) => ({ ...outcome, reminder })));
  const countOf = (state: string): number => outcomes.filter((outcome) => outcome.state === state).length;
  const times = new Map<string, number>();
  for (const { data } of scene.wechat.messages) {
    const { value } = data['thing1'] as { value: string };
    times.set(value, (times.get(value) ?? 0) + 1);
  }
  const due = USERS * REMINDERS_EACH;
  const twice = [...times.values()].filter((count) => count > 1).length;
  const skipped = outcomes.filter(({ state }) => state === 'skipped');
  const isNear = (instant: number, at: number): boolean => Math.abs(instant - at) <= RECOVERY_MS;
  const isNearStall = (instant: number): boolean => stalls.some((at) => isNear(instant, at));
  const strange = skipped.filter(({ instant }) => !isNear(instant, redisKilledAt) && !isNearStall(instant));
  const unknown = outcomes.filter(({ state }) => state === 'unknown');
  const unexplained = unknown.filter(
    ({ instant, reminder }) => !orphaned.has(`${reminder.id}:${instant}`) && !isNearStall(instant),
  );
  const hours = (lastAt - firstAt) / (60 * MINUTE_MS);
  const tokens = scene.wechat.calls.filter(({ tokenType }) => tokenType === 'access_token').length;
  const lives = 1 + (performance.now() - startedAt) / 1_000 / LIFE_SECONDS;
  console.table({
    'hours simulated': hours.toFixed(1),
    due,
    sent: countOf('sent'),
    unknown: countOf('unknown'),
    skipped: skipped.length,
    failed: countOf('failed'),
    'arrived at WeChat': scene.wechat.messages.length,
    'sent twice': twice,
    kills,
    'claimed at a kill': orphaned.size,
    'stalls of the machine': stalls.length,
    'token fetches': tokens,
  });
  const checks: readonly (readonly [what: string, holds: boolean])[] = [
    [
      'each occurrence is accounted for',
      outcomes.length === due && countOf('sent') + countOf('unknown') + skipped.length === due,
    ],
    ['none was sent twice', twice === 0],
    ['what counts as sent has arrived', scene.wechat.messages.length >= countOf('sent')],
    [
      'what has arrived counts as sent or unknown',
      scene.wechat.messages.length <= countOf('sent') + countOf('unknown'),
    ],
    ['what is unknown was claimed by the worker that was killed, or at a stall', unexplained.length === 0],
    ['what was skipped was due when Redis was unavailable, or at a stall', strange.length === 0],
    ['a token is fetched once a life, not once a message', tokens <= 1.5 * lives],
  ];
  for (const [what, holds] of checks) console.log(`${holds ? 'holds' : 'FAILS'}  ${what}`);
  if (!checks.every(([, holds]) => holds)) process.exitCode = 1;
}

async function until(instant: number): Promise<void> {
  await wait(Math.max(0, scene.clock.toTimer(instant - scene.clock.now())));
}
