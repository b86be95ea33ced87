import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { EnvelopeRefused } from '../../../../src/platform/envelope/envelope-refused.js';
import { readEnvelope } from '../../../../src/platform/envelope/read-envelope.js';

const read = (body: string) => readEnvelope(Buffer.from(body));

function messageOf(body: Uint8Array): string {
  try {
    readEnvelope(body);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvelopeRefused);
    expect((error as EnvelopeRefused).cause).toBeUndefined();
    return (error as EnvelopeRefused).message;
  }
  throw new Error('the body was accepted');
}

describe('the envelope of an encrypted push', () => {
  test.each([
    ['an official account', '<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[AB+/]]></Encrypt></xml>'],
    ['a platform', '<xml>\n    <AppId><![CDATA[wx1]]></AppId>\n    <Encrypt><![CDATA[AB+/]]></Encrypt>\n</xml>\n'],
    ['a corporation', '<xml><AgentID>218</AgentID><Encrypt>AB+/</Encrypt></xml>'],
    [
      'compatible mode',
      '<xml><Content>AAAA</Content><List><Encrypt>AAAA</Encrypt></List><Encrypt>AB+/</Encrypt></xml>',
    ],
  ])('the XML of %s is read', (_, body) => {
    expect(read(body)).toEqual({ encrypt: 'AB+/', format: 'xml' });
  });

  test.each([
    ['a shop', '{"ToUserName":"gh_1","Encrypt":"AB+/"}'],
    ['a mini program', ' {\n    "ToUserName": "gh_1",\n    "Encrypt": "AB\\u002b\\/"\n}\n'],
    ['compatible mode', '{"Content":"the field \\"Encrypt\\": AAAA","MsgType":"Encrypt","Encrypt":"AB+/"}'],
    ['a sender of byte order marks', '\ufeff{"Encrypt":"AB+/"}'],
  ])('the JSON of %s is read', (_, body) => {
    expect(read(body)).toEqual({ encrypt: 'AB+/', format: 'json' });
  });

  test.each([
    ['two Encrypt', '<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>', 'a second <Encrypt> at character 25'],
    ['no Encrypt', '<xml><Content>secret</Content></xml>', 'no text of <Encrypt> in the element at character 0'],
    ['an empty Encrypt', '<xml><Encrypt/></xml>', 'no text of <Encrypt> in the element at character 0'],
    ['elements in Encrypt', '<xml><Encrypt><a/></Encrypt></xml>', 'elements inside <Encrypt> at character 5'],
    ['another root', '<html><Encrypt>a</Encrypt></html>', 'another root element than <xml> at character 0'],
    ['a comment', '<xml><!-- secret --></xml>', 'a comment at character 5'],
    ['no element', 'signature=secret', 'text outside the root element at character 0'],
    ['nothing', '', 'an early end at character 0'],
  ])('XML with %s is refused, and the message shows nothing of it', (_, body, fault) => {
    expect(messageOf(Buffer.from(body))).toBe(`the body is not an encrypted push: the XML has ${fault}`);
  });

  test.each([
    ['two Encrypt', '{"Encrypt":"a","Encrypt":"b"}', 'a second Encrypt'],
    ['two Encrypt, one after white space', '{"Encrypt":"a","Encrypt"\n :"b"}', 'a second Encrypt'],
    ['two Encrypt, one with an escape', '{"Encrypt":"a","\\u0045ncrypt":"b"}', 'a second Encrypt'],
    ['another Encrypt inside', '{"Encrypt":"a","Info":{"Encrypt":"b"}}', 'a second Encrypt'],
    ['no Encrypt', '{"encrypt":"secret"}', 'no text Encrypt'],
    ['an empty Encrypt', '{"Encrypt":""}', 'no text Encrypt'],
    ['a number', '{"Encrypt":1}', 'no text Encrypt'],
    ['an Encrypt that is inherited', '{"__proto__":{"Encrypt":"secret"}}', 'no text Encrypt'],
    ['a syntax error', '{"Encrypt":"secret"', 'a syntax error'],
    ['too many levels to parse', `{"a":${'['.repeat(60_000)}`, 'a syntax error'],
    ['too much', `{"Encrypt":"${'A'.repeat(65_536)}"}`, 'more than 65536 bytes'],
  ])('JSON with %s is refused, and the message shows nothing of it', (_, body, fault) => {
    expect(messageOf(Buffer.from(body))).toBe(`the body is not an encrypted push: the JSON has ${fault}`);
  });

  it('JSON that is not UTF-8 is refused', () => {
    const body = Buffer.from('{"Encrypt":"\xe9"}', 'latin1');
    expect(messageOf(body)).toBe('the body is not an encrypted push: the JSON has bytes that are not UTF-8');
  });

  it('deep JSON beside the message does no harm', () => {
    const body = `{"Encrypt":"AAAA","a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    expect(read(body)).toEqual({ encrypt: 'AAAA', format: 'json' });
  });

  it('no bytes cause another error', () => {
    const text = fc.string({
      unit: fc.constantFrom('{', '}', '"', ':', ',', '<', '/', '>', 'xml', 'Encrypt', 'A', ' '),
    });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          text.map((body) => Buffer.from(body)),
        ),
        (body) => {
          try {
            expect(readEnvelope(body).encrypt).not.toBe('');
          } catch (error) {
            expect(error).toBeInstanceOf(EnvelopeRefused);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
