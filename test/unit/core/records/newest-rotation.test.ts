import { expect, test } from 'vitest';
import type { Rotation } from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';
import { newestRotation } from '../../../../src/core/records/newest-rotation.js';

const NOW = 1_700_000_000_000;
const refusal = (token: string) => ({
  hash: secretHash(token),
  deadAt: NOW,
  error: { code: 'UPSTREAM_REJECTED', message: 'no', retryable: false },
});

/** Returns a rotation whose token came after the earlier ones. */
function chain(token: string, earlier: readonly string[] = [], more: Partial<Rotation> = {}): Rotation {
  return { token, known: [...earlier, token].map(secretHash), ...more };
}

const newest = (stored: Rotation | undefined, held: Rotation | undefined, isHeldNewer = false) =>
  newestRotation(stored, held, isHeldNewer, NOW);

test('the only rotation that there is continues', () => {
  const [stored, held] = [chain('stored'), chain('held')];
  expect(newest(undefined, undefined)).toBeUndefined();
  expect(newest(stored, undefined)).toBe(stored);
  expect(newest(undefined, held)).toBe(held);
});

test('a rotation without a token of its own yields to one with a token', () => {
  const stored = chain('stored');
  expect(newest(stored, { refused: [refusal('x')] }, true)).toBe(stored);
  const intent = { hash: secretHash('x'), at: NOW };
  expect(newest({ intent }, chain('held'))).toEqual({ intent, ...chain('held') });
});

test.each([true, false])(
  'the rotation that knows the token of the other continues, whichever record is newer: %s',
  (isHeldNewer) => {
    const [older, newer] = [chain('one'), chain('two', ['one'])];
    expect(newest(older, newer, isHeldNewer)?.token).toBe('two');
    expect(newest(newer, older, isHeldNewer)?.token).toBe('two');
    expect(newest(newer, older, isHeldNewer)?.reserve).toBeUndefined();
  },
);

test('the rotation that continues keeps what the other has in reserve and it has never had', () => {
  const reserve = [{ token: 'elsewhere' }, { token: 'one' }];
  const stored = chain('two', ['one']);
  expect(newest(stored, chain('two', [], { reserve }))?.reserve).toEqual([{ token: 'elsewhere' }]);
  expect(newest(chain('one', [], { reserve: [{ token: 'elsewhere' }] }), stored)?.reserve).toEqual([
    { token: 'elsewhere' },
  ]);
});

test('what has been refused is kept in no reserve', () => {
  const held = chain('two', [], { reserve: [{ token: 'elsewhere' }], refused: [refusal('elsewhere')] });
  expect(newest(chain('two'), held)?.reserve).toBeUndefined();
});

test.each([
  [true, 'held', 'stored'],
  [false, 'stored', 'held'],
])(
  'of two rotations that know nothing of each other that of the newer record continues: %s',
  (isHeldNewer, token, other) => {
    const found = newest(chain('stored'), chain('held'), isHeldNewer);
    expect([found?.token, found?.reserve]).toEqual([token, [{ token: other }]]);
  },
);
