import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { flagOf, variableOf } from '../../src/cli/args/option.js';
import { COMMANDS } from '../../src/cli/commands.js';

const GUIDE = new URL('../../docs/guide/', import.meta.url);
const PAGES = readdirSync(GUIDE).filter((name) => name.endsWith('.md'));
const read = (page: string): string => readFileSync(new URL(page, GUIDE), 'utf8');
const VARIABLES = COMMANDS.flatMap(({ options }) => options.map(variableOf));
const LONGEST_CLOSE_S = 21;
const EXAMPLES = new URL('../../examples/', import.meta.url);

/** What a page calls the command with, on a line of a shell or between backticks. */
function calls(text: string): string[] {
  return [...text.matchAll(/(?:npx wechat-token-manager |`)((?:keys )?[a-z]+\b[^`|\n]*)/g)].map(
    ([, call = '']) => call,
  );
}

/** The command that a call names, and the flags in it that this command lacks. */
function unknownFlags(call: string): string[] {
  const command = COMMANDS.find(({ name }) => call === name || call.startsWith(`${name} `));
  const flags = [...call.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
  return flags.filter((flag) => !command?.options.some((option) => flagOf(option) === flag));
}

function yamlOf(page: string): unknown[] {
  return [...read(page).matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => parse(text));
}

/** Reads from an example how long requests in progress may take before their connections are closed. */
function drainSeconds(example: string): number {
  const code = readFileSync(new URL(example, EXAMPLES), 'utf8');
  const [, seconds] = /closeAllConnections\(\), (\d+)_000\)/.exec(code) ?? [];
  return Number(seconds);
}

describe('the guide', () => {
  it.each(PAGES)('%s calls only commands that exist, with flags that they have', (page) => {
    const named = calls(read(page)).filter((call) => COMMANDS.some(({ name }) => call.startsWith(`${name} `)));
    expect(named.flatMap(unknownFlags)).toEqual([]);
    const started = [...read(page).matchAll(/npx wechat-token-manager ((?:keys )?[a-z]+)/g)].map(([, name]) => name);
    expect(started.filter((name) => !COMMANDS.some((command) => command.name === name))).toEqual([]);
  });

  it.each(PAGES)('%s names only variables that exist', (page) => {
    const named = [...read(page).matchAll(/WECHAT_TOKENS_[A-Z_]+/g)].map(([name]) => name);
    const others = [
      'WECHAT_TOKENS_KEYS',
      'WECHAT_TOKENS_KEY',
      'WECHAT_TOKENS_KEY_FILE',
      'WECHAT_TOKENS_URL',
      'WECHAT_TOKENS_PUSH_TOKEN',
      'WECHAT_TOKENS_PUSH_KEYS',
    ];
    expect(named.filter((name) => !VARIABLES.includes(name) && !others.includes(name))).toEqual([]);
  });

  it.each(['deployment.md', 'deployment.zh-CN.md'])('%s gives containers the time to drain and to close', (page) => {
    const longestStopS = drainSeconds('graceful-shutdown.ts') + LONGEST_CLOSE_S;
    const [compose, deployment] = yamlOf(page) as [Compose, Deployment];
    expect(Number.parseInt(compose.services.app.stop_grace_period, 10)).toBeGreaterThan(longestStopS);
    expect(compose.services.redis.command).toContain('--maxmemory-policy noeviction');
    const { terminationGracePeriodSeconds, containers } = deployment.spec.template.spec;
    const [, seconds] = containers[0].lifecycle.preStop.exec.command;
    expect(terminationGracePeriodSeconds - Number(seconds)).toBeGreaterThan(longestStopS);
  });

  it('the example for pm2 is given the time to drain and to close', () => {
    const { apps } = createRequire(import.meta.url)('../../examples/pm2-cluster/ecosystem.config.cjs') as Ecosystem;
    const longestStopS = drainSeconds('pm2-cluster/server.ts') + LONGEST_CLOSE_S;
    expect(apps.map(({ kill_timeout: ms }) => ms > longestStopS * 1_000)).toEqual([true]);
  });
});

interface Ecosystem {
  readonly apps: readonly { readonly kill_timeout: number }[];
}

interface Compose {
  readonly services: {
    readonly app: { readonly stop_grace_period: string };
    readonly redis: { readonly command: string };
  };
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [
          { readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } } },
        ];
      };
    };
  };
}
