import { mkdtempSync, rmSync } from 'node:fs';
import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileStore, TokenError, TokenManager } from '../../src/index.js';
import { directoryOf, documentPath } from '../../src/stores/file/document-path.js';
import { highestNumber, numberedName, VERSIONS } from '../../src/stores/file/numbered-files.js';
import { FakeWeChat } from '../../src/testing/index.js';

const APPID = 'wx0123456789abcdef';
const TYPE = 'oauth2_access_token';
const USER = 'openid-1';
const OTHER = 'openid-2';
const TRUNCATIONS = 24;
const FLIPS = 64;

let wechat: FakeWeChat;
let home: string;
let copies: number;
/** The current tokens when the store was closed, by user. */
let values: Map<string, string>;
let open: TokenManager[];

/** Makes a closed store with the tokens of two users, whose first refresh tokens have been used up. */
beforeEach(async () => {
  wechat = await FakeWeChat.start({ refreshTokens: 'single-use' });
  home = mkdtempSync(join(tmpdir(), 'wechat-damaged-'));
  copies = 0;
  open = [];
  values = new Map();
  const tokens = manager(join(home, 'whole'));
  const tasks = [USER, OTHER].map((subject) => {
    const params = { refresh_token: wechat.authorizeUser(APPID, subject).refresh_token };
    return { type: TYPE, subject, params } as const;
  });
  await tokens.register({ appid: APPID, secret: 'secret', tasks });
  for (const user of [USER, OTHER]) values.set(user, await tokens.get(APPID, TYPE, { subject: user }));
  await tokens.close();
});

afterEach(async () => {
  await Promise.all(open.map((tokens) => tokens.close()));
  await wechat.close();
  rmSync(home, { recursive: true, force: true });
});

/** What a user of the store sees of one damaged document. */
interface Outcome {
  readonly served: string | undefined;
  readonly code: string | undefined;
  readonly quarantined: readonly string[];
}

describe('the damaged document of a key', () => {
  test('a document that was cut off, wherever, is moved aside and serves nothing', async () => {
    const { length } = await readFile(await newestVersion(join(home, 'whole'), USER));
    for (const at of sample(length - 1, TRUNCATIONS)) {
      const directory = await copyOfStore();
      await truncate(await newestVersion(directory, USER), at);
      expect(await outcome(directory), `cut off at ${at}`).toEqual(MOVED_ASIDE);
    }
  });

  test('a document with one flipped bit, wherever, never serves a wrong token and harms no other key', async () => {
    const bytes = await readFile(await newestVersion(join(home, 'whole'), USER));
    const codes = new Set<string | undefined>();
    for (const [index, at] of sample(bytes.length, FLIPS).entries()) {
      const directory = await copyOfStore();
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << (index % 8)), at);
      await writeFile(await newestVersion(directory, USER), damaged);
      const { served, code, quarantined } = await outcome(directory);
      const where = `bit ${index % 8} of byte ${at}: ${damaged.toString('latin1', Math.max(0, at - 20), at + 20)}`;
      if (served !== undefined) expect(served, where).toBe(values.get(USER));
      else if (code === 'STORE_UNAVAILABLE') expect(quarantined, where).toEqual([]);
      else expect({ served, code, quarantined }, where).toEqual(MOVED_ASIDE);
      codes.add(code);
    }
    expect(codes).toContain('REAUTHORIZATION_REQUIRED');
  });

  test.each([
    ['a text file', async () => 'remember: buy milk\n'],
    ['the document of another key', async (directory: string) => readFile(await newestVersion(directory, OTHER))],
    ['zeros', async () => Buffer.alloc(600)],
  ])('a document that was replaced by %s is moved aside and serves nothing', async (_, replacement) => {
    const directory = await copyOfStore();
    await writeFile(await newestVersion(directory, USER), await replacement(directory));
    expect(await outcome(directory)).toEqual(MOVED_ASIDE);
  });

  test('a document that has the content of another key under its own id is moved aside and serves nothing', async () => {
    const directory = await copyOfStore();
    const path = await newestVersion(directory, USER);
    const own = await readJson(path);
    const other = await readJson(await newestVersion(directory, OTHER));
    await writeFile(path, JSON.stringify({ ...own, data: other['data'] }));
    expect(await outcome(directory)).toEqual(MOVED_ASIDE);
  });

  test('a damaged document is good again when the user has authorized again', async () => {
    const directory = await copyOfStore();
    await truncate(await newestVersion(directory, USER), 100);
    await outcome(directory);
    const { access_token, refresh_token } = wechat.authorizeUser(APPID, USER);
    const grant = { value: String(access_token), expiresInSeconds: 7_200, refreshToken: refresh_token };
    await manager(directory).put(APPID, TYPE, grant, { subject: USER });
    const again = await outcome(directory);
    expect(again).toEqual({ served: access_token, code: undefined, quarantined: [] });
    expect(wechat.isValid(refresh_token)).toBe(true);
  });
});

test('a document of a newer format is an error for its key, and is not changed', async () => {
  const directory = await copyOfStore();
  const path = await newestVersion(directory, USER);
  const document = await readJson(path);
  const newer = JSON.stringify({ ...document, data: { ...(document['data'] as object), format: 99 } });
  await writeFile(path, newer);
  const callsBefore = wechat.countCalls();
  expect(await outcome(directory)).toEqual({ served: undefined, code: 'STORE_UNAVAILABLE', quarantined: [] });
  const tokens = manager(directory);
  await tokens.start();
  await expect(tokens.refresh(APPID, TYPE, { subject: USER, force: true })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  await expect(
    tokens.put(APPID, TYPE, { value: 'new', expiresInSeconds: 60 }, { subject: USER }),
  ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await tokens.close();
  expect(wechat.countCalls()).toBe(callsBefore);
  expect(await newestVersion(directory, USER)).toBe(path);
  expect(await readFile(path, 'utf8')).toBe(newer);
});

/** The outcome for a document that was moved aside: the refresh token of the params is used up, so the user is asked again. */
const MOVED_ASIDE: Outcome = { served: undefined, code: 'REAUTHORIZATION_REQUIRED', quarantined: [keyId(USER)] };

/** Returns what a new process serves of a store with a damaged document, and checks that the other user is not affected. */
async function outcome(directory: string): Promise<Outcome> {
  const tokens = manager(directory);
  const quarantined: string[] = [];
  tokens.on('recordQuarantined', ({ id }) => void quarantined.push(id));
  const callsBefore = wechat.countCalls();
  const replaysBefore = wechat.replays;
  let served: string | undefined;
  let code: string | undefined;
  try {
    served = await tokens.get(APPID, TYPE, { subject: USER });
  } catch (error) {
    code = (error as TokenError).code;
    expect(error).toBeInstanceOf(TokenError);
  }
  expect(await tokens.get(APPID, TYPE, { subject: OTHER })).toBe(values.get(OTHER));
  await tokens.close();
  // Nothing but the refresh token of the params was sent, never a damaged one.
  expect(wechat.countCalls() - callsBefore).toBe(wechat.replays - replaysBefore);
  return { served, code, quarantined };
}

function manager(directory: string): TokenManager {
  const tokens = new TokenManager({ store: new FileStore(directory), wechat: { origins: [wechat.origin] } });
  open.push(tokens);
  return tokens;
}

async function copyOfStore(): Promise<string> {
  const directory = join(home, `copy-${copies++}`);
  await cp(join(home, 'whole'), directory, { recursive: true, preserveTimestamps: true });
  return directory;
}

function keyId(user: string): string {
  return `key/${APPID}/${TYPE}/${user}`;
}

async function newestVersion(directory: string, user: string): Promise<string> {
  const place = directoryOf(directory, documentPath(keyId(user)));
  return join(place, numberedName(VERSIONS, highestNumber(VERSIONS, await readdir(place))));
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Returns that many places below `end`, evenly spread, the first and the last among them. */
function sample(end: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.round((index * (end - 1)) / (count - 1)));
}
