import { afterEach, expect, test, vi } from 'vitest';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { PushSecrets } from '../../../../src/platform/pushes/push-secrets.js';
import { AES_KEY, COMPONENT, PlatformWorld, PUSH_TOKEN } from '../../../support/worlds/platform-world.js';

const NEXT = 'CANARYnext'.padEnd(43, 'n');
const SETTINGS = { token: PUSH_TOKEN, keys: [AES_KEY], mode: 'encrypted' } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

test('the secrets of the same settings are made once', () => {
  const secrets = new PushSecrets();
  expect(secrets.of(SETTINGS)).toBe(secrets.of(SETTINGS));
  expect(secrets.of({ ...SETTINGS })).not.toBe(secrets.of(SETTINGS));
});

test('the secrets of an app are made once for all pushes until its keys are changed', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving();
  const decrypt = vi.spyOn(EncodingAesKey.prototype, 'decrypt');
  const keysOfPush = async (key: string): Promise<unknown> => {
    decrypt.mockClear();
    expect((await world.push(receiver, world.ticket('next'), { key })).status).toBe(200);
    return decrypt.mock.contexts[0];
  };
  const first = await keysOfPush(AES_KEY);
  expect(await keysOfPush(AES_KEY)).toBe(first);
  await tokens.register({ appid: COMPONENT, push: { token: PUSH_TOKEN, encodingAesKey: [NEXT, AES_KEY] } });
  const next = await keysOfPush(NEXT);
  expect(next).not.toBe(first);
  expect(await keysOfPush(NEXT)).toBe(next);
});
