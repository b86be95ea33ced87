import { expect, test } from 'vitest';
import { AES_KEY, COMPONENT, PlatformWorld, PUSH_TOKEN } from '../../../support/worlds/platform-world.js';

const NEXT = 'CANARYnext'.padEnd(43, 'n');

test('while a key is changed, pushes with either are read, and changed keys count at once', async () => {
  await using world = new PlatformWorld();
  const { tokens, receiver } = await world.receiving();
  const statuses = async (): Promise<number[]> => {
    const answers = [AES_KEY, NEXT].map((key) => world.push(receiver, world.ticket('t'), { key }));
    return (await Promise.all(answers)).map(({ status }) => status);
  };
  expect(await statuses()).toEqual([200, 400]);
  await tokens.register({ appid: COMPONENT, push: { token: PUSH_TOKEN, encodingAesKey: [NEXT, AES_KEY] } });
  expect(await statuses()).toEqual([200, 200]);
  await tokens.register({ appid: COMPONENT, push: { token: PUSH_TOKEN, encodingAesKey: NEXT } });
  expect(await statuses()).toEqual([400, 200]);
});
