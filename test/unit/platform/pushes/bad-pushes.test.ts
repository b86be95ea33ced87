import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { writeXml } from '../../../../src/platform/xml/write-xml.js';
import type { PushAnswer, PushReceiver } from '../../../../src/push-server/index.js';
import { AES_KEY, COMPONENT, PlatformWorld } from '../../../support/worlds/platform-world.js';

const TIMES = 300;
const STALE_SECONDS = 601;
/** The random prefix and the length of a message, behind which every change counts. */
const HEAD_BYTES = 20;
const key = new EncodingAesKey(AES_KEY, 'key');

type Push = (world: PlatformWorld, receiver: PushReceiver) => Promise<PushAnswer>;

/** Pushes what is encrypted so, signed as it is. */
function pushSigned(world: PlatformWorld, receiver: PushReceiver, encrypt: string): Promise<PushAnswer> {
  const body = Buffer.from(writeXml('xml', [['Encrypt', encrypt]]));
  return receiver.receive({ method: 'POST', appid: COMPONENT, query: world.query({}, encrypt), body });
}

function encrypted(world: PlatformWorld): Buffer {
  const fields = world.ticket(randomBytes(40).toString('base64url'));
  return Buffer.from(key.encrypt(writeXml('xml', Object.entries(fields)), COMPONENT, randomBytes(16)), 'base64');
}

function garbled(bytes: Buffer): Buffer {
  for (let change = randomInt(1, 9); change > 0; change--) {
    const place = randomInt(HEAD_BYTES, bytes.length);
    bytes.writeUInt8((bytes.readUInt8(place) + randomInt(1, 256)) % 256, place);
  }
  return bytes;
}

test.each<[string, number, Push]>([
  ['with a wrong signature', 401, (world, receiver) => world.push(receiver, world.ticket('x'), { token: 'other' })],
  [
    'that are too old',
    401,
    (world, receiver) => {
      const timestamp = Math.floor(world.clock.now() / 1_000) - STALE_SECONDS;
      return world.push(receiver, world.ticket('x'), { timestamp });
    },
  ],
  [
    'that are no base64',
    400,
    (world, receiver) => {
      const text = encrypted(world).toString('base64');
      return pushSigned(world, receiver, `${text.slice(0, randomInt(text.length))}*`);
    },
  ],
  [
    'that are garbled, and signed as they are',
    400,
    (world, receiver) => pushSigned(world, receiver, garbled(encrypted(world)).toString('base64')),
  ],
])('hundreds of pushes %s are refused with %i, and nothing is stored', async (_case, status, push) => {
  await using world = new PlatformWorld();
  const { receiver } = await world.receiving();
  let writes = 0;
  const set = world.store.set.bind(world.store);
  world.store.set = (...args) => {
    writes += 1;
    return set(...args);
  };
  const statuses = new Set<number>();
  for (let time = 0; time < TIMES; time++) statuses.add((await push(world, receiver)).status);
  expect([...statuses]).toEqual([status]);
  expect([writes, world.errors]).toEqual([0, []]);
  // What is proper is still taken.
  expect((await world.push(receiver, world.ticket('proper'))).body).toBe('success');
  expect(writes).toBe(1);
});
