import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenError } from '../../../../src/core/model/errors.js';
import { canonicalJson, checksum } from '../../../../src/core/primitives/checksum.js';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { DamagedDocument, seal, unseal } from '../../../../src/core/store/document-codec.js';

const ID = 'key/wx1/access_token';
const CONTENT = { grant: { value: 'the-token', expiresAt: 1_800_000_000_000 }, later: ['release', 1, null] };

function opened(data: unknown, id = ID): JsonObject {
  return unseal({ id, version: 7, data: data as JsonObject });
}

describe('seal and unseal', () => {
  test('seal and unseal are inverse, unknown fields included', () => {
    const content = fc.dictionary(
      fc.string().filter((name) => !['format', 'checksum'].includes(name)),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(content, fc.string(), (given, id) => {
        const stored = JSON.parse(JSON.stringify(seal(id, given as JsonObject)));
        expect(opened(stored, id)).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  test('a document says its format', () => {
    expect(seal(ID, CONTENT)).toMatchObject({
      ...CONTENT,
      format: 1,
      checksum: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
  });

  test('every flipped bit of a document is detected', () => {
    const text = JSON.stringify(seal(ID, CONTENT));
    let noticed = 0;
    for (let bit = 0; bit < text.length * 8; bit++) {
      const bytes = Buffer.from(text);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      const data = parsed(bytes.toString('utf8'));
      if (data === undefined) continue;
      const isNewer = Number((data as { format?: unknown }).format) > 1;
      expect(() => opened(data), bytes.toString('utf8')).toThrow(isNewer ? TokenError : DamagedDocument);
      noticed++;
    }
    expect(noticed).toBeGreaterThan(300);
  });

  test('every value that was truncated is detected', () => {
    const sealed = seal(ID, { secret: 'abcdef' });
    for (let length = 0; length < 6; length++) {
      expect(() => opened({ ...sealed, secret: 'abcdef'.slice(0, length) })).toThrow(DamagedDocument);
    }
  });

  test.each(['grant', 'later', 'format', 'checksum'])('a document without its %s is rejected', (name) => {
    const { [name]: _lost, ...rest } = seal(ID, CONTENT);
    expect(() => opened(rest)).toThrow(DamagedDocument);
  });

  test('a field that was added to a document is detected', () => {
    expect(() => opened({ ...seal(ID, CONTENT), more: 1 })).toThrow(DamagedDocument);
  });

  test('a document under the id of another is rejected', () => {
    expect(() => opened(seal(ID, CONTENT), 'key/wx2/access_token')).toThrow(DamagedDocument);
  });

  test('unseal accepts the names in another order', () => {
    const data = Object.fromEntries(Object.entries(seal(ID, CONTENT)).reverse());
    expect(opened(data)).toEqual(CONTENT);
  });

  test('a damaged document is available to the caller, and the message shows nothing of it', () => {
    const document = { id: ID, version: 7, data: { secret: 'CANARY' } };
    try {
      unseal(document);
      expect.fail();
    } catch (error) {
      expect((error as DamagedDocument).document).toBe(document);
      expect((error as Error).message).toContain(ID);
      expect((error as Error).message).not.toContain('CANARY');
    }
  });
});

describe('a document of another format', () => {
  test('a document of another format is an error even where it computes the checksum in another way', () => {
    expect(() => opened({ secret: 'x', format: 2, checksum: 'sha-x' })).toThrow(TokenError);
    expect(() => opened({ secret: 'x', format: '2', checksum: 'sha-x' })).toThrow(DamagedDocument);
  });

  test.each([2, 1.5, 99, 0, '1', undefined])('the format %j is an error and no damage', (format) => {
    const content = { secret: 'CANARY', format } as JsonObject;
    const data = { ...content, checksum: checksum(`${ID}\n${canonicalJson(content)}`) };
    try {
      opened(data);
      expect.fail();
    } catch (error) {
      expect(error).toBeInstanceOf(TokenError);
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: false });
      expect((error as Error).message).toBe(
        `the stored document ${ID} has format ${String(format)}; this release reads format 1`,
      );
    }
  });
});

function parsed(text: string): unknown {
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === 'object' && data !== null ? data : undefined;
  } catch {
    return undefined;
  }
}
