import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'vitest';
import { type FakeFault, FakeWeChat } from '../../src/testing/index.js';

const SCRIPT = fileURLToPath(new URL('./secrets/print-everything.mjs', import.meta.url));
const APPID = 'wx0123456789abcdef';
const SECRET = 'canary+secret/of=the app';

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

// They wait more than they work, for attempts that are repeated.
test.concurrent.for(FAULTS.map((fault) => JSON.stringify(fault) ?? 'no fault'))(
  'I5: nothing printed holds a secret, in either mode: %s',
  async (fault, { expect, onTestFinished }) => {
    await using wechat = await FakeWeChat.start({ apps: { [APPID]: { secret: SECRET } } });
    const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const parsed = fault === 'no fault' ? undefined : (JSON.parse(fault) as FakeFault);
    if (parsed !== undefined) wechat.fail('*', parsed);
    const handedOutFile = join(directory, 'handed-out.json');
    const argv = [SCRIPT, join(directory, 'store'), wechat.origin, Buffer.from(SECRET).toString('hex'), handedOutFile];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, { maxBuffer: 64 * 1024 * 1024 });
    const printed = stdout + stderr;
    const [before, inStable, inPlain] = stdout.split(/^everything in (?:stable|plain) mode$/m);
    const handedOut = JSON.parse(await readFile(handedOutFile, 'utf8')) as { stable: string[]; plain: string[] };
    expect(before).toBe('');
    for (const printedThen of [inStable, inPlain]) {
      expect(printedThen).toContain(parsed === undefined ? 'refreshed' : 'TokenError');
    }
    for (const tokens of [handedOut.stable, handedOut.plain]) expect(tokens.length > 0).toBe(parsed === undefined);
    for (const secret of [SECRET, ...handedOut.stable, ...handedOut.plain]) {
      const shown = formsOf(secret).find((form) => printed.includes(form));
      expect(shown, printed.slice(Math.max(0, printed.indexOf(shown ?? '') - 500)).slice(0, 1_000)).toBeUndefined();
    }
  },
);
