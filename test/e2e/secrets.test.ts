import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeFault, FakeWeChat } from '../../src/testing/index.js';

const SCRIPT = fileURLToPath(new URL('./secrets/print-everything.mjs', import.meta.url));
const APPID = 'wx0123456789abcdef';
const SECRET = 'canary+secret/of=the app';

let directory: string;
let wechat: FakeWeChat;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
  wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
});

afterEach(async () => {
  await wechat.close();
  await rm(directory, { recursive: true, force: true });
});

/** Returns the forms in which a secret may appear. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64, bytes.toString('hex')];
}

const FAULTS: readonly (FakeFault | undefined)[] = [
  undefined,
  'reset',
  'html',
  'broken-json',
  'huge',
  { errcode: 40125 },
  { errcode: 40164 },
  { errcode: 45009 },
  { errcode: 40001, errmsg: `invalid credential, appsecret ${SECRET} is wrong` },
  { status: 302, headers: { location: `http://127.0.0.1:1/?secret=${encodeURIComponent(SECRET)}` } },
  { expires_in: SECRET },
];

test.each(
  FAULTS.flatMap((fault) =>
    (['stable', 'plain'] as const).map((mode) => ({ fault: JSON.stringify(fault) ?? 'no fault', mode })),
  ),
)('I5: nothing printed holds a secret: $mode mode, $fault', async ({ fault, mode }) => {
  const parsed = fault === 'no fault' ? undefined : (JSON.parse(fault) as FakeFault);
  if (parsed !== undefined) wechat.fail('*', parsed);
  const handedOutFile = join(directory, 'handed-out.json');
  const argv = [
    SCRIPT,
    join(directory, 'store'),
    wechat.origin,
    Buffer.from(SECRET).toString('hex'),
    mode,
    handedOutFile,
  ];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { maxBuffer: 64 * 1024 * 1024 });
  const printed = stdout + stderr;
  const handedOut = JSON.parse(await readFile(handedOutFile, 'utf8')) as string[];
  expect(printed).toContain(parsed === undefined ? 'refreshed' : 'TokenError');
  expect(handedOut.length > 0).toBe(parsed === undefined);
  for (const secret of [SECRET, ...handedOut]) {
    const shown = formsOf(secret).find((form) => printed.includes(form));
    expect(shown, printed.slice(Math.max(0, printed.indexOf(shown ?? '') - 500)).slice(0, 1_000)).toBeUndefined();
  }
});
