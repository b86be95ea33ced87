import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkedText, decodedBody } from '../../../../src/http/edges/body-text.js';
import { BodyRefused } from '../../../../src/http/messages/http-message.js';

const GBK = Uint8Array.of(0xc3, 0xdc);

function refusal(decode: () => string): BodyRefused {
  try {
    decode();
  } catch (error) {
    if (error instanceof BodyRefused) return error;
    throw error;
  }
  throw new Error('the body was taken');
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

describe('the text of a body', () => {
  test('a UTF-8 body is read without its byte order mark and surrounding white space', () => {
    const noLoss = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\uFFFD'));
    fc.assert(
      fc.property(noLoss, fc.constantFrom('', '\uFEFF', ' ', '\r\n\t'), (text, around) => {
        const body = decodedBody(utf8(around + text + around), { contentType: undefined });
        expect(body).toBe(text.trim());
      }),
    );
  });

  test.each([
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'text/plain; charset=utf8',
    'application/json; charset=us-ascii',
    'multipart/form-data; boundary=charset',
  ])('a UTF-8 body is read with the Content-Type %s', (contentType) => {
    expect(decodedBody(utf8('{"名":1}'), { contentType })).toBe('{"名":1}');
  });

  test.each(['gbk', 'GB2312', 'ISO-8859-1', 'utf-16le'])('a body labelled %s is read if it is ASCII', (charset) => {
    expect(decodedBody(utf8('{}'), { contentType: `application/json; charset=${charset}` })).toBe('{}');
  });

  test.each([
    { bytes: GBK, contentType: 'application/json; charset=GBK', message: 'the body must be encoded in UTF-8, got GBK' },
    { bytes: GBK, contentType: undefined, message: 'the body must be encoded in UTF-8' },
    {
      bytes: GBK,
      contentType: 'text/plain; charset=a%0d',
      message: 'the body must be encoded in UTF-8, got another one',
    },
    {
      bytes: utf8('é'),
      contentType: 'text/plain; charset=latin1',
      message: 'the body must be encoded in UTF-8, got latin1',
    },
    { bytes: utf8('\uFFFD'), contentType: undefined, message: 'the body must be encoded in UTF-8' },
    {
      bytes: Buffer.from('\uFEFF{}', 'utf16le'),
      contentType: undefined,
      message: 'the body must be encoded in UTF-8, got utf-16',
    },
  ])('a body in another encoding is refused: $message ($contentType)', ({ bytes, contentType, message }) => {
    expect(refusal(() => decodedBody(bytes, { contentType }))).toMatchObject({ status: 400, message });
  });

  test.each(['gzip', 'br', ' Deflate'])('a compressed body is refused with its encoding: %s', (contentEncoding) => {
    const { status, message } = refusal(() => decodedBody(utf8('{}'), { contentType: undefined, contentEncoding }));
    expect([status, message]).toEqual([
      400,
      `a body must not be compressed, got Content-Encoding ${contentEncoding.trim().toLowerCase()}`,
    ]);
  });

  test.each(['', 'identity'])('a body with the Content-Encoding %j is read', (contentEncoding) => {
    expect(decodedBody(utf8('{}'), { contentType: undefined, contentEncoding })).toBe('{}');
  });

  test('text that a host has decoded is refused when characters were lost', () => {
    expect(checkedText('\uFEFF {} ')).toBe('{}');
    expect(refusal(() => checkedText('{"secret":"\uFFFD\uFFFD"}')).status).toBe(400);
  });
});
