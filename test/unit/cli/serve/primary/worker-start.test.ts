import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workerStart } from '../../../../../src/cli/serve/primary/worker-start.js';

let directory: string;
let own: string;
const path = (name: string): string => join(directory, name);
const scriptOf = (started: string | undefined): string =>
  workerStart({ argv: started === undefined ? ['node'] : ['node', started, 'serve'], execArgv: [] }, own).script;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'worker-start-')));
  mkdirSync(path('release'));
  own = path('release/main.js');
  for (const name of ['release/main.js', 'container.cjs']) writeFileSync(path(name), '');
  symlinkSync(own, path('wechat-token-manager'));
  symlinkSync(path('release'), path('current'));
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('the start of the process that answers', () => {
  it('the script is the command itself where argv[1] is that of a process manager, is gone, or is missing', () => {
    for (const started of [path('container.cjs'), path('nowhere.js'), 'serve', '', undefined]) {
      expect(scriptOf(started)).toBe(own);
    }
  });

  it('the script is the link that started the command, which may lead to another release later', () => {
    for (const started of [path('wechat-token-manager'), path('current/main.js'), own]) {
      expect(scriptOf(started)).toBe(started);
    }
  });

  it('the process gets the arguments of the command, and the options of Node without their programs', () => {
    const argv = ['node', path('container.cjs'), 'serve', '--port', '0'];
    const execArgv = [
      '--enable-source-maps',
      '-e',
      'import("x")',
      '--input-type=module',
      '--import',
      'tsx',
      '--eval=1',
    ];
    expect(workerStart({ argv, execArgv }, own)).toEqual({
      script: own,
      args: ['serve', '--port', '0'],
      execArgv: ['--enable-source-maps', '--import', 'tsx'],
    });
  });
});
