import { describe, expect, test } from 'vitest';
import { replyIn } from '../../../../src/platform/forwarding/forward-answer.js';

const answered = (body: string | Uint8Array, status = 200): object | undefined =>
  replyIn({ status, body: Buffer.from(body) });

describe('the answer of a target', () => {
  test.each<[string, string, object]>([
    ['JSON', '{"reply":{"MsgType":"text","Content":"hi"}}', { MsgType: 'text', Content: 'hi' }],
    ['JSON after a byte order mark', '\ufeff {"reply":{"MsgType":"text"}}', { MsgType: 'text' }],
    [
      'XML',
      '<xml><MsgType><![CDATA[text]]></MsgType><Content>a &amp; b</Content></xml>',
      { MsgType: 'text', Content: 'a & b' },
    ],
    [
      'XML with articles',
      '<xml><MsgType>news</MsgType><Articles><item><Title>1</Title></item><item><Title>2</Title></item></Articles></xml>',
      { MsgType: 'news', Articles: { item: [{ Title: '1' }, { Title: '2' }] } },
    ],
  ])('is a reply in %s', (_case, body, reply) => {
    expect(answered(body)).toEqual(reply);
  });

  test.each([
    ['nothing', ''],
    ['white space', ' \r\n'],
    ["WeChat's own word", 'success'],
    ['an empty object', '{}'],
    ['null as the reply', '{"reply":null}'],
    ['an object about other things', '{"code":0}'],
  ])('is no reply if it is %s', (_case, body) => {
    expect([answered(body), answered(body, 204)]).toEqual([undefined, undefined]);
  });

  test.each<[string, string | Uint8Array, number, string]>([
    ['a redirect', '', 302, 'it answered with status 302'],
    ['a failure', '{"reply":{"MsgType":"text"}}', 500, 'it answered with status 500'],
    ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff), 200, 'its answer is not encoded in UTF-8'],
    ['another word', 'CANARY', 200, 'its answer is neither JSON like {"reply":{...}} nor XML'],
    ['a list', '["CANARY"]', 200, 'its answer must be an object like {"reply":{...}}, got an array'],
    ['a text as the reply', '{"reply":"CANARY"}', 200, 'reply in its answer must be an object, got a string'],
    ['a reply that is not inside reply', '{"MsgType":"CANARY"}', 200, 'the fields of its answer must be inside reply'],
    ['a page', '<!DOCTYPE html><html>CANARY</html>', 200, 'its answer cannot be read: the XML has a DOCTYPE'],
    [
      'another element',
      '<html>CANARY</html>',
      200,
      'its answer cannot be read: the XML has another root element than <xml>',
    ],
  ])('is refused if it is %s, and nothing of it is shown', (_case, body, status, message) => {
    expect(() => answered(body, status)).toThrow(message);
    expect(() => answered(body, status)).not.toThrow('CANARY');
  });
});
