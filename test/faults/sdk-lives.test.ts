import { type ChildProcess, fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeWeChat } from '../../src/testing/index.js';
import { BusinessWeChat, PICTURE } from '../support/servers/business-wechat.js';
import { type ServeProcess, ServeWorld } from '../support/servers/serve-process.js';

const APPID = 'wx0123456789abcdef';
const SECRET = 'CANARY-secret-of-the-app';
const LIFE_SECONDS = 24;
/** The lives of a token that the SDKs live through. */
const LIVES = Number(process.env.SDK_LIVES ?? 3);
const PROGRAM = fileURLToPath(new URL('../e2e/processes/sdk-program.mjs', import.meta.url));
/** The errors of a connection that was cut or refused. The login of node-easywechat then reads the status of a missing answer. */
const OF_THE_CONNECTION = /ECONNREFUSED|ECONNRESET|socket hang up|EPIPE|other side closed|aborted|reading 'status'/i;

interface Outcome {
  readonly succeeded: Readonly<Record<string, number>>;
  readonly failures: readonly { readonly at: number; readonly call: string; readonly error: string }[];
}

let fake: FakeWeChat;
let business: BusinessWeChat;
let world: ServeWorld;
let program: ChildProcess | undefined;

beforeEach(async () => {
  const apps = { [APPID]: { secret: SECRET } };
  fake = await FakeWeChat.start({ apps, lifeSeconds: LIFE_SECONDS, overlapSeconds: 2 });
  business = await BusinessWeChat.start(fake);
  world = await ServeWorld.create();
});

afterEach(async () => {
  program?.kill('SIGKILL');
  await world[Symbol.asyncDispose]();
  await business[Symbol.asyncDispose]();
  await fake.close();
});

test('three SDKs with one changed setting live through expiry, invalidation, a reload and a kill', async () => {
  const first = await world.start(['--wechat-origin', business.origin]);
  const { port } = new URL(first.url);
  await register(first);
  const picture = world.path('picture.jpg');
  await writeFile(picture, PICTURE);
  program = fork(PROGRAM, [first.url, APPID, SECRET, picture], {
    cwd: world.directory,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const outcome = outcomeOf(program);

  await lives(LIVES / 3);
  fake.supersede(APPID);
  await lives(LIVES / 3);
  first.child.kill('SIGHUP');
  await first.seen('reloaded');
  await lives(LIVES / 3 - 0.2);
  const killedAt = Date.now();
  first.child.kill('SIGKILL');
  await first.exited;
  const second = await world.start(['--wechat-origin', business.origin, '--port', port]);
  const restartedAt = Date.now();
  await lives(0.2);
  program.send('stop');
  const { succeeded, failures } = await outcome;

  const isOfTheKill = ({ at, error }: Outcome['failures'][number]): boolean =>
    at >= killedAt && at <= restartedAt + 1_000 && OF_THE_CONNECTION.test(error);
  expect(failures.filter((failure) => !isOfTheKill(failure))).toEqual([]);
  expect(Object.keys(succeeded)).toHaveLength(17);
  for (const [call, times] of Object.entries(succeeded)) expect([call, times > LIVES * 10]).toEqual([call, true]);
  const printed = [...first.lines, ...second.lines, first.errors, second.errors].join('\n');
  for (const secret of [SECRET, 'access_token=']) expect(printed).not.toContain(secret);
}, 600_000);

async function register(server: ServeProcess): Promise<void> {
  const answer = await fetch(`${server.url}/apps/${APPID}`, {
    method: 'PUT',
    body: JSON.stringify({ secret: SECRET, tasks: ['access_token', 'jsapi_ticket'] }),
  });
  expect(answer.status).toBe(204);
}

function lives(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * LIFE_SECONDS * 1_000));
}

/** Gives the program the codes that it asks for, and resolves with its outcome. */
function outcomeOf(child: ChildProcess): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr?.on('data', (chunk) => {
      errors += String(chunk);
    });
    child.once('exit', (code) => reject(new Error(`the program ended with ${code}: ${errors}`)));
    child.on('message', (message: { needs?: string } & Partial<Outcome>) => {
      if (message.needs === 'code') child.send({ code: fake.createCode(APPID, 'o1', { scope: 'snsapi_userinfo' }) });
      else resolve(message as Outcome);
    });
  });
}
