import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ApiKey, createApiKey } from '../../../src/http/index.js';
import { FakeClock } from '../../../src/testing/index.js';
import { GatewayWorld } from '../../support/worlds/gateway-world.js';
import { APPID } from '../../support/worlds/world.js';

const CALL = '/cgi-bin/message/send';
const { key, entry } = createApiKey({ scopes: ['call'] });

/** A call whose body arrives when the test says so. */
interface ParkedCall {
  readonly answer: Promise<Response>;
  /** Resolves when the server has admitted the call and waits for the body. */
  readonly admitted: Promise<void>;
  /** Lets the body arrive. */
  finish(): void;
}

function park(world: GatewayWorld, path: string, headers: Record<string, string> = {}): ParkedCall {
  let finish = (): void => {};
  let admit = (): void => {};
  const admitted = new Promise<void>((resolve) => {
    admit = resolve;
  });
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        finish = () => {
          controller.enqueue(Buffer.from('{}'));
          controller.close();
        };
        admit();
        return new Promise(() => {});
      },
    },
    { highWaterMark: 0 },
  );
  const init = { method: 'POST', body, headers: { 'content-length': '2', ...headers }, duplex: 'half' } as const;
  const answer = world.fetchHandler(new Request(`http://tokens.test${path}`, init));
  return { answer, admitted, finish: () => finish() };
}

test('a token that is replaced by force while the body of a call arrives does not open that call', async () => {
  const clock = new FakeClock();
  await using world = await GatewayWorld.start({ clock, handler: { contracts: ['wechat'] } });
  const leaked = await world.tokens.get(APPID, 'access_token');
  await clock.advance(60_000);
  const parked = park(world, `${CALL}?access_token=${leaked}`);
  await parked.admitted;
  const forced = await world.tokens.refresh(APPID, 'access_token', { force: true });
  expect(forced).not.toBe(leaked);
  parked.finish();
  expect(await (await parked.answer).json()).toMatchObject({ errcode: 40001 });
  expect(world.wechat.calls).toEqual([]);
});

test('a token that is refreshed on schedule while the body of a call arrives opens that call', async () => {
  const clock = new FakeClock();
  await using world = await GatewayWorld.start({ clock, handler: { contracts: ['wechat'] } });
  const earlier = await world.tokens.get(APPID, 'access_token');
  await clock.advance(6_950_000);
  const parked = park(world, `${CALL}?access_token=${earlier}`);
  await parked.admitted;
  const current = await world.tokens.get(APPID, 'access_token');
  parked.finish();
  expect((await parked.answer).status).toBe(200);
  expect(world.wechat.calls.map(({ url }) => url)).toEqual([`${CALL}?access_token=${current}`]);
});

const authorization = `Bearer ${key}`;

test('a key that expires while the body of a call arrives does not open that call', async () => {
  const clock = new FakeClock();
  const expiresAt = clock.now() + 30_000;
  await using world = await GatewayWorld.start({ clock, handler: { keys: [{ ...entry, expiresAt }] } });
  const parked = park(world, `/proxy/${APPID}${CALL}`, { authorization });
  await parked.admitted;
  await clock.advance(30_000);
  parked.finish();
  expect((await parked.answer).status).toBe(401);
  expect(world.wechat.calls).toEqual([]);
});

test.each<[string, readonly ApiKey[], number]>([
  ['is removed from the file', [], 401],
  ['is replaced in the file by one of another hash', [{ ...entry, hash: '0'.repeat(64) }], 401],
  ['loses the scope', [{ ...entry, scopes: ['read'] }], 403],
  ['loses the app', [{ ...entry, appids: ['wxother'] }], 403],
  ['loses the path', [{ ...entry, paths: ['/cgi-bin/user'] }], 403],
  ['is kept', [entry], 200],
])('a key that %s while the body of a call arrives is judged by what it is then', async (_what, later, status) => {
  const clock = new FakeClock();
  const folder = await mkdtemp(join(tmpdir(), 'keys-'));
  const file = join(folder, 'keys.json');
  const other = createApiKey({ scopes: ['read'] }).entry;
  try {
    await writeFile(file, JSON.stringify({ keys: [entry, other] }));
    await using world = await GatewayWorld.start({ clock, handler: { keys: file } });
    const parked = park(world, `/proxy/${APPID}${CALL}`, { authorization });
    await parked.admitted;
    await writeFile(file, JSON.stringify({ keys: [...later, other] }));
    await clock.advance(2_000);
    parked.finish();
    expect((await parked.answer).status).toBe(status);
    expect(world.wechat.calls).toHaveLength(status === 200 ? 1 : 0);
  } finally {
    await rm(folder, { recursive: true });
  }
});
