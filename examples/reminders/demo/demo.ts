// `npm run demo` plays half an hour of reminders in less than a minute, against a fake WeChat. Messages arrive at their time
// although the token expires and a worker is killed while it sends.
import { setTimeout as wait } from 'node:timers/promises';
import type { Client } from './client.js';
import { APPID, kill, Scene, TEMPLATE } from './scene.js';

const FACTOR = 60;
const LIFE_SECONDS = 10;
const ANSWER_MS = 700;
const MINUTE_MS = 60_000;
const IN_THE_CROWD = 12;
const MOST_LOOKS = 20;

const scene = await Scene.start({ factor: FACTOR, lifeSeconds: LIFE_SECONDS, delayMs: 20 });
try {
  console.log(`A minute passes in a second. Tokens live for ${LIFE_SECONDS} s. The page: ${scene.origin}/\n`);
  const alice = await logIn('o-alice', 9);
  const startedAt = scene.clock.now();
  const ids = [];
  for (const [minutes, detail] of [
    [8, 'Drink tea'],
    [14, 'Stretch'],
    [24, 'Read a page'],
  ] as const) {
    ids.push((await alice.create(0, { contentId: 'habit', detail, ...timeIn(startedAt, minutes) })).id);
  }
  const moved = await alice.edit(String(ids[2]), timeIn(startedAt, 26));
  console.log(`alice has three reminders; one is moved to ${moved.nextLocal} ${moved.zone}`);
  const bob = await logIn('o-bob', 0);
  await bob.create(1, { contentId: 'habit', detail: 'Water plants', ...timeIn(startedAt, 10) });
  console.log('bob has one, and has accepted no prompt');
  const crowd = await logIn('o-crowd', IN_THE_CROWD);
  for (let index = 1; index <= IN_THE_CROWD; index++) {
    await crowd.create(1, { contentId: 'crowd', detail: `Seat ${index}`, ...timeIn(startedAt, 18) });
  }
  console.log(`crowd has ${IN_THE_CROWD} at the same minute\n`);
  const worker = scene.start('worker');
  await until(startedAt + 17 * MINUTE_MS);
  scene.wechat.delayMs = ANSWER_MS;
  await scene.wechat.nextCall('/cgi-bin/message/subscribe/send');
  await wait(ANSWER_MS / 2);
  await kill(worker);
  console.log('a worker is killed while messages are being sent');
  await wait(ANSWER_MS);
  scene.wechat.delayMs = 20;
  await until(startedAt + 30 * MINUTE_MS);
  const isGood = await report([alice, bob, crowd]);
  if (!isGood) process.exitCode = 1;
} finally {
  await scene.close();
}

/** @param accepted - How many prompts the user has accepted. */
async function logIn(openid: string, accepted: number): Promise<Client> {
  const client = await scene.logIn(openid);
  for (let index = 0; index < accepted; index++) {
    scene.wechat.acceptPrompt(APPID, openid, TEMPLATE);
    await client.consent(`nonce-of-${openid}-${index}`);
  }
  return client;
}

function timeIn(startedAt: number, minutes: number): { hour: number; minute: number; zone: string } {
  const at = new Date(startedAt + minutes * MINUTE_MS);
  return { hour: (at.getUTCHours() + 8) % 24, minute: at.getUTCMinutes(), zone: 'Asia/Shanghai' };
}

async function report(clients: readonly Client[]): Promise<boolean> {
  let outcomes = await outcomesOf(clients);
  for (let looks = 0; looks < MOST_LOOKS && !outcomes.every(({ state }) => isFinal(state)); looks++) {
    await wait(500);
    outcomes = await outcomesOf(clients);
  }
  console.table(
    outcomes.map(({ detail, instant, state, reason }) => ({
      detail,
      due: new Date(instant + 8 * 60 * MINUTE_MS).toISOString().slice(11, 16),
      outcome: state,
      reason,
    })),
  );
  const details = scene.wechat.messages.map(({ data }) => JSON.stringify(data['thing1']));
  const twice = details.length - new Set(details).size;
  const tokens = scene.wechat.calls.filter(({ tokenType }) => tokenType === 'access_token').length;
  const due = 4 + IN_THE_CROWD;
  console.log(`${due} were due, ${outcomes.length} are accounted for, ${details.length} arrived, ${twice} twice.`);
  console.log(`${tokens} tokens were fetched for them; each lives for ${LIFE_SECONDS} s.`);
  return outcomes.length === due && twice === 0;
}

async function outcomesOf(
  clients: readonly Client[],
): Promise<readonly { detail: string; instant: number; state: string; reason: string }[]> {
  const lists = await Promise.all(clients.map((client) => client.list()));
  return lists.flatMap(({ reminders }) =>
    reminders.flatMap(({ detail, outcomes }) => outcomes.map((outcome) => ({ detail, ...outcome }))),
  );
}

function isFinal(state: string): boolean {
  return state !== 'claimed' && state !== 'waiting';
}

async function until(instant: number): Promise<void> {
  await wait(Math.max(0, scene.clock.toTimer(instant - scene.clock.now())));
}
