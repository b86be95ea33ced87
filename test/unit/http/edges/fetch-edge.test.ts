import { expect, test } from 'vitest';
import { HttpWorld } from '../../../support/worlds/http-world.js';
import { APPID, SECRET } from '../../../support/worlds/world.js';

const APP = JSON.stringify({ appid: APPID, appsecret: SECRET, tasks: [{ type: 0 }] });

/** Returns a request to register whose body is sent by the returned functions. */
function slowRequest(): { request: Request; send: (text: string) => void; end: () => void; isGivenUp: () => boolean } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isGivenUp = false;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
    cancel: () => {
      isGivenUp = true;
    },
  });
  const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
  return {
    request: new Request('http://tokens.test/registe', init),
    send: (text) => controller?.enqueue(Buffer.from(text)),
    end: () => controller?.close(),
    isGivenUp: () => isGivenUp,
  };
}

test('a Request whose body has not arrived after 10 s is answered with 408', async () => {
  await using world = new HttpWorld();
  const { request, send } = slowRequest();
  const timers = world.clock.pendingTimers;
  const answered = world.handler.fetch(request);
  send('{"appid":');
  await expect.poll(() => world.clock.pendingTimers).toBe(timers + 1);
  await world.clock.advance(9_999);
  expect(await Promise.race([answered.then(() => 'answered'), Promise.resolve('waiting')])).toBe('waiting');
  await world.clock.advance(1);
  expect((await answered).status).toBe(408);
});

test('a Request whose body arrives in pieces within 10 s is answered, and leaves no timer', async () => {
  await using world = new HttpWorld();
  const { request, send, end } = slowRequest();
  const timers = world.clock.pendingTimers;
  const answered = world.handler.fetch(request);
  send(APP.slice(0, 9));
  await expect.poll(() => world.clock.pendingTimers).toBe(timers + 1);
  await world.clock.advance(9_999);
  send(APP.slice(9));
  end();
  expect(await (await answered).json()).toMatchObject({ code: 200 });
});

test('a Request whose body is too large is answered with 413, and the rest is not read', async () => {
  await using world = new HttpWorld();
  const { request, send, isGivenUp } = slowRequest();
  const answered = world.handler.fetch(request);
  send('x'.repeat(65_537));
  expect((await answered).status).toBe(413);
  expect(isGivenUp()).toBe(true);
});
