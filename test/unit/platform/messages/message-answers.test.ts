import { expect, test } from 'vitest';
import { MessageAnswers } from '../../../../src/platform/messages/message-answers.js';
import { FakeClock } from '../../../../src/testing/index.js';

const never = (): Promise<string> => new Promise(() => {});

test('a message whose handling never ends is forgotten after 60 s, and handled again when it is repeated', async () => {
  const clock = new FakeClock();
  const answers = new MessageAnswers(clock);
  void answers.replyTo('message', never);
  await clock.advance(59_999);
  void answers.replyTo('other', never);
  expect(answers.underWay).toBe(2);
  await clock.advance(1);
  expect(await answers.replyTo('message', async () => 'handled')).toBe('handled');
  expect(answers.underWay).toBe(1);
});

test('a reply that arrives after its message was forgotten does not end the handling of the repeated one', async () => {
  const clock = new FakeClock();
  const answers = new MessageAnswers(clock);
  let reply: (text: string) => void = () => {};
  const first = answers.replyTo('message', () => new Promise((resolve) => (reply = resolve)));
  await clock.advance(60_000);
  void answers.replyTo('message', never);
  reply('late');
  expect(await first).toBe('late');
  await clock.advance(0);
  expect(answers.underWay).toBe(1);
  expect(await answers.replyTo('message', never)).toBe('late');
});

test('no more than 10,000 messages are remembered while they are handled', () => {
  const answers = new MessageAnswers(new FakeClock());
  for (let message = 0; message < 10_100; message++) void answers.replyTo(String(message), never);
  expect(answers.underWay).toBe(10_000);
});
