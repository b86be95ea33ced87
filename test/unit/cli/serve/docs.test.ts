import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  flagOf,
  KEY_VARIABLE,
  PUSH_KEYS_VARIABLE,
  PUSH_TOKEN_VARIABLE,
  SECRET_VARIABLE,
  variableOf,
} from '../../../../src/cli/args/option.js';
import { COMMANDS } from '../../../../src/cli/commands.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const page = readFileSync(`${ROOT}/docs/operations.md`, 'utf8');
const sources = readdirSync(`${ROOT}/src/cli/serve`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(`${ROOT}/src/cli/serve/${name}`, 'utf8'));
const options = COMMANDS.flatMap((command) => command.options);

/** Everything in the page that the pattern finds, once. */
const named = (pattern: RegExp): string[] => [...new Set([...page.matchAll(pattern)].map(([, name = '']) => name))];

describe('the page about running the server', () => {
  it('docs/operations.md names only options that exist', () => {
    const flags = named(/(?<![\w-])(--[a-z][a-z-]+)/g);
    // Of npm, docker, node, pm2, Debian's tools and for all commands.
    const npm = ['--prefix', '--global', '--input-type', '--help'];
    const docker = ['--rm', '--restart', '--log-opt'];
    const system = [
      '--name',
      '--uid',
      '--gid',
      '--kill-timeout',
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '--now',
    ];
    const others = [...npm, ...docker, ...system];
    expect(flags.length).toBeGreaterThan(8);
    expect(
      flags.filter((flag) => !others.includes(flag) && !options.some((option) => flagOf(option) === flag)),
    ).toEqual([]);
  });

  it('docs/operations.md names only variables and commands that exist', () => {
    const variables = named(/(WECHAT_TOKENS_[A-Z_]+)/g);
    const secrets = [KEY_VARIABLE, SECRET_VARIABLE, PUSH_TOKEN_VARIABLE, PUSH_KEYS_VARIABLE];
    const known = new Set([...secrets, ...options.map(variableOf)]);
    expect(variables.filter((name) => !known.has(name))).toEqual([]);
    const commands = named(/(?:wechat-token-manager |main\.js |`)((?:keys )?(?:serve|add|list|remove|register)\b)/g);
    expect(commands).toContain('keys add');
    expect(commands.filter((name) => !COMMANDS.some((command) => command.name === name))).toEqual([]);
  });

  it('docs/operations.md has a row for each message of the log with its level, and no other', () => {
    const rows = [...page.matchAll(/^\| `(\w+)` \| (info|warn|error) \|/gm)].map(
      ([, name, level]) => `${level} ${name}`,
    );
    const direct = sources.flatMap((text) => [...text.matchAll(/\b(?:log|this)\.(info|warn|error)\(\s*'(\w+)'/g)]);
    const grouped = sources.flatMap((text) => [
      ...text.matchAll(/(?:write|failureOf)\(\s*'(info|warn|error)',\s*'(\w+)'/g),
    ]);
    const named = sources.flatMap((text) => [...text.matchAll(/message: '(\w+)',\s*level: '(info|warn|error)'/g)]);
    expect(grouped.length).toBeGreaterThan(4);
    const calls = [...direct, ...grouped].map(([, level, name]) => `${level} ${name}`);
    calls.push(...named.map(([, name, level]) => `${level} ${name}`));
    expect(rows.toSorted()).toEqual(calls.toSorted());
  });

  it('docs/operations.md names only metrics that exist', () => {
    const families = readdirSync(`${ROOT}/src/http/metrics`)
      .filter((name) => name.endsWith('-families.ts'))
      .map((name) => readFileSync(`${ROOT}/src/http/metrics/${name}`, 'utf8'))
      .join('');
    const metrics = named(/`(wechat_token_manager_\w+)/g);
    expect(metrics.length).toBeGreaterThan(3);
    expect(metrics.filter((name) => !families.includes(`'${name.replace(/_total$/, '')}'`))).toEqual([]);
  });
});
