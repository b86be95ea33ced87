import { describe, expect, test } from 'vitest';
import type { CachedRecord } from '../../../../src/core/records/cached-record.js';
import { latestRevocation, revocationBy, revokeEarlier } from '../../../../src/core/records/earlier-tokens.js';
import type { KeyDocument } from '../../../../src/core/store/key-document.js';

const KEY = { appid: 'wx1', type: 'access_token' };
const GRANT = { value: 'CANARY', obtainedAt: 1_000, expiresAt: 8_000, dueAt: 7_000 };

test.each([
  [1_000, undefined, undefined, 1_000],
  [1_000, 500, 200, 1_000],
  [1_000, 1_000, undefined, 1_001],
  [1_000, 1_500, undefined, 1_501],
  [1_000, 500, 2_000, 2_000],
])(
  'a forced refresh at %i that replaces a token of %s, after a revocation at %s, revokes what is before %i',
  (forced, replaced, before, expected) => {
    const earlier = replaced === undefined ? undefined : { obtainedAt: replaced };
    expect(revocationBy({ obtainedAt: forced }, earlier, before)).toBe(expected);
  },
);

test.each([
  [undefined, undefined, undefined],
  [5, undefined, 5],
  [undefined, 5, 5],
  [5, 6, 6],
  [6, 5, 6],
])('the later one of the revocations %s and %s is %s', (one, other, expected) => {
  expect(latestRevocation(one, other)).toBe(expected);
});

describe('revoking earlier tokens', () => {
  /** Returns what the store would hold, and what is saved and adopted. */
  function parts(documents: readonly Partial<KeyDocument>[], versions: readonly (number | undefined)[]) {
    const [reads, saves] = [[...documents], [...versions]];
    const saved: KeyDocument[] = [];
    const options: unknown[] = [];
    const adopted: unknown[] = [];
    return {
      saved,
      options,
      adopted,
      parts: {
        documents: {
          read: async () => reads.shift() ?? documents.at(-1),
          save: async (_key: unknown, document: KeyDocument, how: unknown) => {
            saved.push(document);
            options.push(how);
            return saves.shift();
          },
        },
        clock: { now: () => 1_000 },
        records: {
          adopt: (...given: unknown[]) => {
            adopted.push(given);
            return 'adopted';
          },
        },
      } as unknown as Parameters<typeof revokeEarlier>[1],
    };
  }

  const record = (revokedAt?: number) => ({ key: KEY, obtainedAt: 1_000, revokedAt }) as CachedRecord;
  const stored = { version: 4, recordVersion: 4, grant: GRANT, unknown: {} };
  const ADOPTION = { source: 'store', announceFirst: false };

  test('a record that has revoked earlier tokens is returned as it is', async () => {
    const { parts: given, saved } = parts([stored], [5]);
    const held = record(1_000);
    expect(await revokeEarlier(held, given)).toBe(held);
    expect(saved).toEqual([]);
  });

  test.each([undefined, 999])('a record is stored with the revocation if that is %s', async (revokedAt) => {
    const { parts: given, saved, options, adopted } = parts([stored], [5]);
    expect(await revokeEarlier(record(revokedAt), given)).toBe('adopted');
    // A key that is not in the schedule is not added to it.
    expect(options).toEqual([{ hadTask: false, dueAt: GRANT.dueAt }]);
    const revoked = { ...stored, revokedAt: 1_000 };
    expect(saved).toEqual([revoked]);
    expect(adopted).toEqual([[KEY, { ...revoked, version: 5 }, GRANT, ADOPTION]]);
  });

  test('a revocation that another process has stored is adopted', async () => {
    const revoked = { ...stored, revokedAt: 1_000 };
    const { parts: given, saved, adopted } = parts([revoked], []);
    expect(await revokeEarlier(record(), given)).toBe('adopted');
    expect([saved, adopted]).toEqual([[], [[KEY, revoked, GRANT, ADOPTION]]]);
  });

  test('nothing is revoked of a key that was unregistered meanwhile', async () => {
    const { parts: given, saved } = parts([{ version: 0, recordVersion: 0, unknown: {} }], [5]);
    const held = record();
    expect(await revokeEarlier(held, given)).toBe(held);
    expect(saved).toEqual([]);
  });

  test.each([4, 5])(
    'a revocation is stored after %i conflicting writes, if these are fewer than five',
    async (conflicts) => {
      const { parts: given, saved } = parts([stored], [...Array.from({ length: conflicts }, () => undefined), 9]);
      const revoking = revokeEarlier(record(), given);
      if (conflicts === 4) expect(await revoking).toBe('adopted');
      else await expect(revoking).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
      expect(saved).toHaveLength(5);
    },
  );
});
