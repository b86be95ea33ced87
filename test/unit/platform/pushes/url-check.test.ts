import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { EncodingAesKey } from '../../../../src/platform/envelope/encoding-aes-key.js';
import { writeXml } from '../../../../src/platform/xml/write-xml.js';
import { AES_KEY, COMPONENT, PlatformWorld } from '../../../support/worlds/platform-world.js';

async function check(world: PlatformWorld, query: string) {
  const { receiver } = await world.receiving();
  return receiver.receive({ method: 'GET', appid: COMPONENT, query, body: Buffer.alloc(0) });
}

test("WeChat's check of the URL is answered with its text", async () => {
  await using world = new PlatformWorld();
  const { status, body } = await check(world, `${world.query({})}&echostr=1616140317555161061`);
  expect([status, body]).toEqual([200, '1616140317555161061']);
});

test("WeChat's encrypted check of the URL is answered with the decrypted text", async () => {
  await using world = new PlatformWorld();
  const echo = new EncodingAesKey(AES_KEY, 'key').encrypt('1616140317555161061', COMPONENT, randomBytes(16));
  const query = `${world.query({}, echo)}&echostr=${encodeURIComponent(echo)}`;
  expect((await check(world, query)).body).toBe('1616140317555161061');
});

test.each([
  ['markup', encodeURIComponent('<script>')],
  ['a space', 'a%20b'],
  ['nothing', ''],
  ['129 characters', 'x'.repeat(129)],
])('a check of the URL is refused when its text is %s', async (_case, echo) => {
  await using world = new PlatformWorld();
  const { status, body } = await check(world, `${world.query({})}&echostr=${echo}`);
  // Markup of printable characters is plain text, which no browser takes for a page.
  if (_case === 'markup') expect([status, body]).toEqual([200, '<script>']);
  else expect(status).toBe(400);
});

test('a recorded push is not decrypted for a sender who repeats it as a check of the URL', async () => {
  await using world = new PlatformWorld();
  const ticket = writeXml('xml', Object.entries(world.ticket('recorded')));
  const recorded = new EncodingAesKey(AES_KEY, 'key').encrypt(ticket, COMPONENT, randomBytes(16));
  const { status, body } = await check(world, `${world.query({}, recorded)}&echostr=${encodeURIComponent(recorded)}`);
  expect([status, body]).toEqual([400, 'echostr must be 1 to 128 printable ASCII characters']);
});

test('a check of the URL with another signature is refused', async () => {
  await using world = new PlatformWorld();
  const query = `${world.query({ token: 'other' })}&echostr=123`;
  expect((await check(world, query)).status).toBe(401);
});
