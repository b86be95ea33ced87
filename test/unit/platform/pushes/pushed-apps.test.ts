import { expect, test } from 'vitest';
import { PushRefused } from '../../../../src/platform/content/push-refused.js';
import { PushedApps } from '../../../../src/platform/pushes/pushed-apps.js';
import { FakeClock } from '../../../../src/testing/index.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const PUSH = { token: 'token', keys: [], mode: 'plain' } as const;

test('an app that could not be read is read again for the next push', async () => {
  let isRead = false;
  const outcomes = [
    (): never => {
      throw new Error('away');
    },
    (): void => void (isRead = true),
  ];
  const app = { appid: APPID, secret: SECRET, push: PUSH, version: 1 } as never;
  const apps = new PushedApps({
    clock: new FakeClock(),
    registry: {
      app: () => (isRead ? app : undefined),
      hasApp: () => isRead,
      reload: async () => outcomes.shift()?.(),
    },
    opened: async () => {},
  });
  await expect(apps.settingsOf(APPID, '')).rejects.toThrow('away');
  expect(await apps.settingsOf(APPID, '')).toEqual(PUSH);
});

/** Provides the apps of a fleet: those that are registered are found in the store, and are in memory from then on. */
function appsOfFleet(registered: readonly string[]): PushedApps {
  const held = new Set<string>();
  return new PushedApps({
    clock: new FakeClock(),
    registry: {
      app: (appid) => (held.has(appid) ? ({ appid, secret: SECRET, push: PUSH, version: 1 } as never) : undefined),
      hasApp: (appid) => held.has(appid),
      reload: async (id) => {
        const appid = registered.find((one) => id.includes(one));
        if (appid !== undefined) held.add(appid);
      },
    },
    opened: async () => {},
  });
}

const appids = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `wx${letter.repeat(8)}${String(index).padStart(8, '0')}`);

/** Returns the status of the refusal of a push; 200 if there is none. */
async function statusOf(apps: PushedApps, appid: string, sender: string): Promise<number> {
  try {
    await apps.settingsOf(appid, sender);
    return 200;
  } catch (error) {
    if (error instanceof PushRefused) return error.status;
    throw error;
  }
}

test('a process that has just started finds the settings of any number of registered apps', async () => {
  const registered = appids('a', 200);
  const apps = appsOfFleet(registered);
  const statuses = new Set<number>();
  for (const appid of registered) statuses.add(await statusOf(apps, appid, '203.0.113.7'));
  expect([...statuses]).toEqual([200]);
});

test('pushes of one sender to unknown apps leave look-ups to other senders', async () => {
  const [registered = ''] = appids('a', 1);
  const apps = appsOfFleet([registered]);
  const statuses: number[] = [];
  for (const appid of appids('b', 100)) statuses.push(await statusOf(apps, appid, '198.51.100.9'));
  expect(statuses.filter((status) => status === 404)).toHaveLength(10);
  expect(await statusOf(apps, registered, '203.0.113.7')).toBe(200);
});

test('look-ups of unknown apps are limited for all senders together', async () => {
  const apps = appsOfFleet([]);
  const statuses: number[] = [];
  for (const [index, appid] of appids('b', 100).entries()) {
    statuses.push(await statusOf(apps, appid, `198.51.100.${index}`));
  }
  expect(statuses.filter((status) => status === 404)).toHaveLength(20);
});
