import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { parsePage } from '../../scripts/markdown-page.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The code that stands for the installed package: the same, except for the address of WeChat. */
const PACKAGE = `
import { TokenManager as Real } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
export * from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
export class TokenManager extends Real {
  constructor(options) {
    super({ ...options, wechat: { origins: [process.env.FAKE_ORIGIN] } });
  }
}
`;

interface QuickStart {
  readonly env: string;
  readonly code: string;
  readonly command: string;
  readonly output: string;
}

/** Reads what a README tells its readers to save, to run and to expect. */
async function quickStartOf(page: string): Promise<QuickStart> {
  const text = await readFile(join(root, page), 'utf8');
  const { blocks } = parsePage(text);
  const code = blocks.find(({ example }) => example?.region === 'quick-start')?.code ?? '';
  const env = blocks.find(({ language }) => language === 'ini')?.code ?? '';
  const command = blocks.find((block) => block.code.endsWith(' quick-start.mjs'))?.code ?? '';
  return { env, code, command, output: /`(a token of \d+ characters)`/.exec(text)?.[1] ?? '' };
}

async function installInto(directory: string): Promise<void> {
  const folder = join(directory, 'node_modules/wechat-token-manager');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  await writeFile(join(folder, 'index.js'), PACKAGE);
}

function run(command: string, directory: string, origin: string): Promise<{ output: string; failure: string }> {
  const [, ...words] = command.split(' ');
  const env = { PATH: process.env.PATH, FAKE_ORIGIN: origin };
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: directory, env }, (_error, output, failure) =>
      resolve({ output, failure }),
    );
  });
}

test.each(['README.md', 'README.zh-CN.md'])('the quick start of %s runs as it stands there', async (page) => {
  const { env, code, command, output } = await quickStartOf(page);
  expect(command).toBe('node --env-file=.env quick-start.mjs');
  const { WECHAT_APPID = '', WECHAT_SECRET = '' } = Object.fromEntries(env.split('\n').map((line) => line.split('=')));
  const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-quick-start-'));
  const wechat = await FakeWeChat.start({ apps: { [WECHAT_APPID]: { secret: WECHAT_SECRET } } });
  onTestFinished(async () => {
    await wechat.close();
    await rm(directory, { recursive: true });
  });
  await installInto(directory);
  await writeFile(join(directory, '.env'), env);
  await writeFile(join(directory, 'quick-start.mjs'), code);

  const first = await run(command, directory, wechat.origin);
  expect(first.failure).toBe('');
  expect(first.output.trim().replace(/\d+/, '#')).toBe(output.replace(/\d+/, '#'));
  const calls = wechat.countCalls();
  expect(await run(command, directory, wechat.origin)).toEqual(first);
  expect(wechat.countCalls()).toBe(calls);

  await writeFile(join(directory, '.env'), `WECHAT_APPID=${WECHAT_APPID}\n`);
  expect((await run(command, directory, wechat.origin)).failure).toMatch(/secret must be a string of 1 to 4096/);
});
