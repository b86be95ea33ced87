import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { FakeWeChat } from 'wechat-token-manager/testing';
import { parsePage } from '../../scripts/markdown-page.mjs';
import type { XmlContent } from '../../src/platform/xml/write-xml.js';
import { encryptedPush } from '../support/encrypted-push.js';
import { sparePort } from '../support/servers/server-controls.js';

const MERCHANT = 'wxmerchant0000000';

function built(path: string): string {
  return JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);
}

/** The code that stands for the installed package: the same, except for the address of WeChat. */
const PACKAGE = `
import { TokenManager as Real } from ${built('index.js')};
export * from ${built('index.js')};
export class TokenManager extends Real {
  constructor(options) {
    super({ ...options, wechat: { origins: [process.env.FAKE_ORIGIN] } });
  }
}
`;
const EXPORTS = { '.': './index.js', './platform': './platform.js' };

async function install(directory: string, env: string, code: string): Promise<void> {
  const folder = join(directory, 'node_modules/wechat-token-manager');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', exports: EXPORTS }));
  await writeFile(join(folder, 'index.js'), PACKAGE);
  await writeFile(join(folder, 'platform.js'), `export * from ${built('push-server/index.js')};`);
  await writeFile(join(directory, '.env'), env);
  await writeFile(join(directory, 'platform.mjs'), code);
}

/** Collects the output of a program, and resolves a line's promise when the program prints it. */
class Output {
  #text = '';
  readonly #awaited = new Map<string, () => void>();

  constructor(program: ChildProcess) {
    program.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#text += text;
      for (const [line, resolve] of this.#awaited) if (this.#text.includes(`${line}\n`)) resolve();
    });
  }

  has(line: string): Promise<void> {
    if (this.#text.includes(`${line}\n`)) return Promise.resolve();
    return new Promise((resolve) => this.#awaited.set(line, resolve));
  }
}

test.each(['platform.md', 'platform.zh-CN.md'])(
  'the platform of %s runs as it stands there, from its first ticket to the end of an authorization',
  async (page) => {
    const text = await readFile(fileURLToPath(new URL(`../../docs/guide/${page}`, import.meta.url)), 'utf8');
    const { blocks } = parsePage(text);
    const code = blocks.find(({ example }) => example?.region === 'platform')?.code ?? '';
    const env = blocks.find(({ language }) => language === 'ini')?.code ?? '';
    const [node, ...words] = blocks.find((block) => block.code.endsWith(' platform.mjs'))?.code.split(' ') ?? [];
    expect(node).toBe('node');
    const settings = Object.fromEntries(env.split('\n').map((line) => line.split('=')));
    const app = { appid: settings.COMPONENT_APPID, token: settings.PUSH_TOKEN, key: settings.PUSH_KEY };

    const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-platform-'));
    const wechat = await FakeWeChat.start({ apps: { [app.appid]: { secret: settings.COMPONENT_SECRET } } });
    await install(directory, env, code);
    const port = await sparePort();
    const variables = { PATH: process.env.PATH, FAKE_ORIGIN: wechat.origin, PORT: String(port) };
    const program = spawn(process.execPath, words, {
      cwd: directory,
      env: variables,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = new Output(program);
    onTestFinished(async () => {
      program.kill('SIGKILL');
      await wechat.close();
      await rm(directory, { recursive: true });
    });
    const push = async (fields: Record<string, XmlContent>): Promise<void> => {
      const { query, body } = encryptedPush(app, { AppId: app.appid, ...fields });
      const answer = await fetch(`http://127.0.0.1:${port}/push/${app.appid}?${query}`, { method: 'POST', body });
      expect(await answer.text()).toBe('success');
    };
    const CreateTime = Math.floor(Date.now() / 1_000);

    await output.has(`pushes are received at /push/${app.appid}`);
    const ComponentVerifyTicket = wechat.pushVerifyTicket(app.appid);
    await push({ CreateTime, InfoType: 'component_verify_ticket', ComponentVerifyTicket });
    const authorization_info = {
      authorizer_appid: MERCHANT,
      authorizer_access_token: 'CANARY-token',
      expires_in: 7_200,
      authorizer_refresh_token: wechat.authorizeMerchant(app.appid, MERCHANT),
    };
    wechat.fail('/cgi-bin/component/api_query_auth', { answer: { authorization_info } }, { times: 1 });
    await push({ CreateTime, InfoType: 'authorized', AuthorizerAppid: MERCHANT, AuthorizationCode: 'CANARY-code' });
    await output.has(`${MERCHANT} has authorized the platform`);
    await push({ CreateTime: CreateTime + 1, InfoType: 'unauthorized', AuthorizerAppid: MERCHANT });
    await output.has(`${MERCHANT} has ended its authorization`);
    program.kill('SIGTERM');
    expect(await once(program, 'exit')).toEqual([0, null]);
  },
);
