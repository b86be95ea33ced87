import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { parsePage } from '../../scripts/markdown-page.mjs';
import {
  AES_KEY,
  type Behaviour,
  COMPONENT,
  PlatformServer,
  RIGHT,
  SECRET,
  TOKEN,
} from '../support/platform-server.js';
import { sparePort } from '../support/servers/server-controls.js';

const TESTING = new URL('../../dist/testing/index.js', import.meta.url).href;

interface Outcome {
  readonly code: number;
  readonly lines: readonly string[];
}

/** Runs the program of a page as it stands there, against a server that behaves in a certain way. */
async function run(page: string, behaviour: Behaviour): Promise<Outcome> {
  const text = await readFile(fileURLToPath(new URL(`../../docs/guide/${page}`, import.meta.url)), 'utf8');
  const { blocks } = parsePage(text);
  const code = blocks.find(({ example }) => example?.region === 'release-check')?.code ?? '';
  const [node, ...words] = blocks.find((block) => block.code.endsWith(' release-check.mjs'))?.code.split(' ') ?? [];
  expect(node).toBe('node');
  const fakePort = await sparePort();
  const server = new PlatformServer(`http://127.0.0.1:${fakePort}`);
  server.behaviour = behaviour;
  await server.start();
  const directory = await mkdtemp(join(tmpdir(), 'wechat-tokens-check-'));
  onTestFinished(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });
  const folder = join(directory, 'node_modules/wechat-token-manager');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "exports": { "./testing": "./testing.js" } }');
  await writeFile(join(folder, 'testing.js'), `export * from ${JSON.stringify(TESTING)};`);
  await writeFile(join(directory, 'release-check.mjs'), code);
  const settings = {
    COMPONENT_APPID: COMPONENT,
    COMPONENT_SECRET: SECRET,
    PUSH_TOKEN: TOKEN,
    PUSH_KEY: AES_KEY,
    PORT: new URL(server.url).port,
    FAKE_PORT: String(fakePort),
  };
  const env = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(directory, '.env'), env.join(''));
  return new Promise((resolve) => {
    const options = { cwd: directory, env: { PATH: process.env.PATH } };
    const program = execFile(process.execPath, words, options, (_error, output, failure) => {
      resolve({ code: program.exitCode ?? -1, lines: `${output}${failure}`.trim().split('\n') });
    });
  });
}

test.each(['platform.md', 'platform.zh-CN.md'])(
  'the program of %s plays the release check, and passes a right server',
  async (page) => {
    const { code, lines } = await run(page, RIGHT);
    expect(lines.filter((line) => !line.endsWith(': passed'))).toEqual([]);
    expect(lines).toHaveLength(50);
    expect(lines[0]).toBe(`ticket of ${COMPONENT}: passed`);
    expect(code).toBe(0);
  },
);

test('the program of the guide names the steps that failed, and ends with 1', async () => {
  const { code, lines } = await run('platform.md', { ...RIGHT, text: () => 'success' });
  expect(lines.filter((line) => !line.endsWith(': passed'))).toEqual(
    ['wx570bc396a51b8ff8', 'wx9252c5e0bb1836fc', 'wx8e1097c5bc82cde9', 'wx14550af28c71a144', 'wxa35b9c23cfe664eb'].map(
      (account) => `text of ${account}: expected an encrypted reply, got "success"`,
    ),
  );
  expect(code).toBe(1);
});
