import { beforeEach, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import type { TokenKey } from '../../../../src/core/model/token-key.js';
import { type CoolingParts, coolingDependency } from '../../../../src/core/refresh/cooling-dependency.js';

const KEY = { appid: 'wx1', type: 'ticket' };
const FAILED = new TokenError('UPSTREAM_REJECTED', 'it failed', {});
const LACK = new TokenError('INPUT_MISSING', 'it lacks a secret', {});

let tasks: Record<string, object>;
let lefts: Record<string, number>;
let failures: Record<string, TokenError>;
let coolDowns: Record<string, number>;
let lacks: Record<string, TokenError>;
let read: string[];
let holdsAll: boolean;
let pushed: string[];
let dependsOn: () => readonly string[];

beforeEach(() => {
  tasks = { ticket: {}, token: {} };
  lefts = {};
  failures = {};
  coolDowns = {};
  lacks = {};
  read = [];
  holdsAll = false;
  pushed = [];
  dependsOn = () => ['token'];
});

function cooling(): Promise<TokenError | undefined> {
  const refresher = (type: string) => ({
    type,
    pushed: pushed.includes(type),
    refresh: async () => ({}),
    ...(type === 'ticket' ? { dependsOn: () => dependsOn().map((name) => ({ appid: 'wx1', type: name })) } : {}),
  });
  return coolingDependency(KEY, {
    clock: { now: () => 1_000 },
    registry: { holdsAll, task: ({ type }: TokenKey) => tasks[type] },
    records: {
      cache: { get: ({ type }: TokenKey) => (type in lefts ? { type } : undefined) },
      leftMs: ({ type }: { type: string }) => lefts[type],
    },
    retryStates: {
      active: ({ type }: TokenKey, urgent: boolean) => {
        expect(urgent).toBe(false);
        return failures[type] && { error: () => failures[type] };
      },
    },
    coolDowns: { leftMs: ({ type }: TokenKey) => coolDowns[type] ?? 0, lackOf: ({ type }: TokenKey) => lacks[type] },
    recordReader: { read: async ({ type }: TokenKey) => void read.push(type) },
    refresherOf: refresher,
  } as unknown as CoolingParts);
}

test('a key whose dependency neither failed nor lacks anything may be refreshed', async () => {
  expect(await cooling()).toBeUndefined();
  expect(read).toEqual(['token']);
});

test('a key waits for a dependency that has failed and has no usable token', async () => {
  failures['token'] = FAILED;
  expect(await cooling()).toBe(FAILED);
  lefts['token'] = 0;
  expect(await cooling()).toBe(FAILED);
  lefts['token'] = 1;
  expect(await cooling()).toBeUndefined();
});

test('a key waits for a dependency that lacks an input, for as long as that cools down', async () => {
  lacks['token'] = LACK;
  expect(await cooling()).toBeUndefined();
  coolDowns['token'] = 500;
  expect(await cooling()).toMatchObject({ code: 'INPUT_MISSING', message: 'it lacks a secret', retryAt: 1_500 });
  lacks = {};
  expect(await cooling()).toBeUndefined();
});

test('a key waits for the second dependency if the first one has a token', async () => {
  dependsOn = () => ['first', 'token'];
  tasks['first'] = {};
  lefts['first'] = 1;
  failures['token'] = FAILED;
  expect(await cooling()).toBe(FAILED);
});

test('a key does not wait for a token that WeChat pushes', async () => {
  failures['token'] = FAILED;
  pushed = ['token'];
  expect(await cooling()).toBeUndefined();
});

test('a key does not wait for a token without a task that its own params may contain', async () => {
  failures['token'] = FAILED;
  tasks = { ticket: { params: { token: 'x' } } };
  expect(await cooling()).toBeUndefined();
  tasks = { ticket: {} };
  expect(await cooling()).toBe(FAILED);
  tasks = { ticket: { params: { token: 'x' } }, token: {} };
  expect(await cooling()).toBe(FAILED);
});

test('a dependency is read only if it is not cached, and not by a process that holds everything', async () => {
  lefts['token'] = 1;
  await cooling();
  lefts = {};
  holdsAll = true;
  await cooling();
  expect(read).toEqual([]);
});

test('a key whose dependencies cannot be determined is not held up by them', async () => {
  dependsOn = () => {
    throw new Error('no');
  };
  expect(await cooling()).toBeUndefined();
});
