import { describe, expect, it } from 'vitest';
import { type Delivered, deliveredGrant, pendingAt, targetOf } from '../../../../src/core/store/delivery-document.js';
import { NO_KEY_DOCUMENT, type StoredGrant } from '../../../../src/core/store/key-document.js';

const TARGET = targetOf('http://shop.test/');
const GRANT: StoredGrant = { value: 'A', obtainedAt: 0, expiresAt: 7_200_000, dueAt: 6_600_000 };
const DELIVERED = deliveredGrant(GRANT, { recordVersion: 1, at: 1_000, target: TARGET });

/** Returns when a grant with the next version may be delivered to a target that has accepted one. */
function pending(grant: StoredGrant, delivered: Delivered = DELIVERED): number | 'never' | undefined {
  const document = { version: 1, unknown: {}, delivered };
  return pendingAt(document, { ...NO_KEY_DOCUMENT, grant, recordVersion: 2 }, TARGET, 2_000);
}

describe('a delivery of a further version', () => {
  it('another token is pending at once', () => {
    expect(pending({ ...GRANT, value: 'B' })).toBe(0);
  });

  it('a token that its target has is not pending when it lives as long as before, as after it was put back', () => {
    expect(pending(GRANT)).toBe(undefined);
    expect(pending({ ...GRANT, expiresAt: GRANT.expiresAt + 5_000 })).toBe(undefined);
    expect(pending({ ...GRANT, expiresAt: GRANT.expiresAt - 60_000 })).toBe(undefined);
  });

  it('a token that its target has is pending when its life was extended', () => {
    expect(pending({ ...GRANT, obtainedAt: 6_000, expiresAt: GRANT.expiresAt + 6_000 })).toBe(0);
  });

  it('a token is compared by when it was requested if an earlier release has noted its delivery', () => {
    const { expiresAt: _, ...noted } = DELIVERED;
    expect(pending(GRANT, noted)).toBe(undefined);
    expect(pending({ ...GRANT, obtainedAt: 1_001, expiresAt: 7_201_001 }, noted)).toBe(0);
  });
});
