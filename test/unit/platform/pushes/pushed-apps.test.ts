import { expect, test } from 'vitest';
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
  await expect(apps.settingsOf(APPID)).rejects.toThrow('away');
  expect(await apps.settingsOf(APPID)).toEqual(PUSH);
});
