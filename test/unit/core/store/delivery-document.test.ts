import { describe, expect, test } from 'vitest';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import {
  type DeliveryDocument,
  deliveryContent,
  type FailingDelivery,
  pendingAt,
  readDeliveryDocument,
  targetOf,
} from '../../../../src/core/store/delivery-document.js';
import { DamagedDocument, seal } from '../../../../src/core/store/document-codec.js';
import type { KeyDocument } from '../../../../src/core/store/key-document.js';

const NOW = 1_700_000_000_000;
const TARGET = targetOf('https://example.com/notify');
const ID = 'delivery/wx1/access_token';

const DELIVERED = { recordVersion: 2, at: NOW - 1_000, target: TARGET, token: secretHash('CANARY-old') };
const FAILING: FailingDelivery = {
  recordVersion: 3,
  target: TARGET,
  attempts: 2,
  since: NOW - 60_000,
  failedAt: NOW - 10_000,
  retryAt: NOW + 20_000,
  error: { code: 'UPSTREAM_UNAVAILABLE', message: 'no', retryable: true },
};

/** Returns the document of a key with a token that expires in a second. */
function key({ recordVersion = 3, value = 'CANARY-new', expiresAt = NOW + 1_000 } = {}): KeyDocument {
  const grant = { value, obtainedAt: NOW, expiresAt, dueAt: NOW };
  return { version: recordVersion, recordVersion, grant, unknown: {} } as unknown as KeyDocument;
}

const pending = (document: Partial<DeliveryDocument>, ofKey = key()) =>
  pendingAt({ version: 1, unknown: {}, ...document }, ofKey, TARGET, NOW);

describe('the document of deliveries', () => {
  test('the target of deliveries is stored without its URL', () => {
    expect(targetOf('https://example.com/CANARY')).toMatch(/^[0-9a-f]{32}$/);
    expect(targetOf('https://example.com/a')).not.toBe(targetOf('https://example.com/b'));
  });

  test('the document of deliveries is read as it was written, with the fields of another release', () => {
    const written = { delivered: DELIVERED, failing: FAILING, unknown: { later: 1 } };
    const data = seal(ID, deliveryContent(written));
    expect(readDeliveryDocument({ id: ID, version: 7, data })).toStrictEqual({ version: 7, ...written });
  });

  test('the document of deliveries has only the parts that there are', () => {
    expect(deliveryContent({ failing: undefined, unknown: {} })).toStrictEqual({});
    const data = seal(ID, { delivered: 'x', failing: [] });
    expect(readDeliveryDocument({ id: ID, version: 7, data })).toStrictEqual({ version: 7, unknown: {} });
    expect(readDeliveryDocument(undefined)).toStrictEqual({ version: 0, unknown: {} });
  });

  test('a damaged document of deliveries is an error', () => {
    const data = { ...seal(ID, {}), delivered: DELIVERED };
    expect(() => readDeliveryDocument({ id: ID, version: 7, data })).toThrow(DamagedDocument);
  });
});

describe('a pending delivery', () => {
  test.each<[string, Partial<DeliveryDocument>, number | 'never' | undefined]>([
    ['at once if there was none', {}, 0],
    ['at once for a newer token', { delivered: DELIVERED }, 0],
    ['not again of the same version', { delivered: { ...DELIVERED, recordVersion: 3 } }, undefined],
    [
      'not again of the same token',
      { delivered: { ...DELIVERED, at: NOW, token: secretHash('CANARY-new') } },
      undefined,
    ],
    ['at once to another target', { delivered: { ...DELIVERED, recordVersion: 3, target: 'other' } }, 0],
    ['at its retry after a failure', { failing: FAILING }, NOW + 20_000],
    ['at once after a failure of another target', { failing: { ...FAILING, target: 'other' } }, 0],
    [
      'not again after a failure, once it was delivered',
      { delivered: { ...DELIVERED, recordVersion: 3 }, failing: FAILING },
      undefined,
    ],
    ['at once after a failure of the future', { failing: { ...FAILING, failedAt: NOW + 5_001 } }, 0],
    [
      'after the planned time where the clock was set back a little',
      { failing: { ...FAILING, failedAt: NOW + 5_000, retryAt: NOW + 35_000 } },
      NOW + 30_000,
    ],
    ['never after a final failure', { failing: { ...FAILING, retryAt: undefined } as never }, 'never'],
    [
      'at once for a token newer than a final failure',
      { failing: { ...FAILING, recordVersion: 2, retryAt: undefined } as never },
      0,
    ],
  ])('a delivery is made %s', (_, document, expected) => {
    expect(pending(document)).toBe(expected);
  });

  test('no delivery is pending of an expired token, or without any', () => {
    expect(pending({}, key({ expiresAt: NOW }))).toBeUndefined();
    expect(pending({}, key({ expiresAt: NOW + 1 }))).toBe(0);
    expect(pending({}, { ...key(), grant: undefined } as unknown as KeyDocument)).toBeUndefined();
  });

  test('no delivery is pending of a token that was replaced by an older version', () => {
    expect(pending({ delivered: DELIVERED }, key({ recordVersion: 1 }))).toBeUndefined();
  });
});
