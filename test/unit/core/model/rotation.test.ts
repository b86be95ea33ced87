import { describe, expect, test } from 'vitest';
import {
  afterGrant,
  chooseInput,
  continuesFrom,
  isKnown,
  isOfNoMoreUse,
  type Refused,
  type Rotation,
  type Spent,
  withIntent,
  withoutIntent,
  withRefusal,
  withReserve,
} from '../../../../src/core/model/rotation.js';
import { secretHash } from '../../../../src/core/primitives/secret-hash.js';

const NOW = 1_000_000;

function chain(...tokens: string[]): Rotation {
  return { token: tokens.at(-1) as string, known: tokens.map(secretHash) };
}

function refusalOf(token: string, deadAt = NOW): Refused {
  return {
    hash: secretHash(token),
    deadAt,
    error: { code: 'REAUTHORIZATION_REQUIRED', message: 'm', retryable: false },
  };
}

function spent(token: string, base: string | undefined, ...known: string[]): Spent {
  return {
    hash: secretHash(token),
    base: base === undefined ? undefined : secretHash(base),
    known: known.map(secretHash),
  };
}

function sent(rotation: Rotation | undefined, offered?: string, prefer: 'offered' | 'stored' = 'offered', now = NOW) {
  const choice = chooseInput(rotation, offered, prefer, now);
  return choice.kind === 'send' ? choice.value : choice.kind;
}

describe('the refresh token that is sent', () => {
  test.each([
    ['without any, none', undefined, undefined, 'none'],
    ['the offered one, when nothing is stored', undefined, 'A', 'A'],
    ['the stored one, when nothing is offered', chain('A'), undefined, 'A'],
    ['an unknown offered one: the user has authorized again', chain('A', 'B'), 'Z', 'Z'],
    ['not the first of the stored chain', chain('A', 'B', 'C'), 'A', 'C'],
    ['not an earlier one of the stored chain', chain('A', 'B', 'C'), 'B', 'C'],
    ['the stored one, when that very one is offered', chain('A', 'B'), 'B', 'B'],
    ['the stored one, when the offered one was refused', withRefusal(chain('A'), refusalOf('Z')), 'Z', 'A'],
    ['the offered one, when the stored one was refused', withRefusal(chain('A'), refusalOf('A')), 'Z', 'Z'],
    [
      'none, when both were refused',
      withRefusal(withRefusal(chain('A'), refusalOf('A')), refusalOf('Z')),
      'Z',
      'refused',
    ],
    ['no offered one that was refused', withRefusal(undefined, refusalOf('Z')), 'Z', 'refused'],
  ])('the refresh token that is sent: %s', (_, rotation, offered, expected) => {
    expect(sent(rotation, offered)).toBe(expected);
  });

  test('the stored refresh token is sent first where the type prefers that', () => {
    expect(sent(chain('A'), 'Z', 'stored')).toBe('A');
    expect(sent(withRefusal(chain('A'), refusalOf('A')), 'Z', 'stored')).toBe('Z');
    expect(sent(undefined, 'Z', 'stored')).toBe('Z');
  });

  test.each([
    [-1, 'A'],
    [0, 'expired'],
    [1, 'expired'],
  ])('a stored refresh token is not sent after its end: %i ms after it', (late, expected) => {
    expect(sent({ ...chain('A'), expiresAt: NOW - late }, undefined)).toBe(expected);
  });

  test('the offered refresh token is sent when the stored one has expired', () => {
    expect(sent({ ...chain('A'), expiresAt: NOW }, 'Z', 'stored')).toBe('Z');
  });

  test('chooseInput says whether it chose the stored refresh token', () => {
    expect(chooseInput(chain('A'), undefined, 'offered', NOW)).toMatchObject({ stored: true });
    expect(chooseInput(chain('A'), 'Z', 'offered', NOW)).toMatchObject({ stored: false });
  });

  test('of two refused refresh tokens, the one with the later deadAt is reported', () => {
    const both = withRefusal(withRefusal(chain('A'), refusalOf('A', NOW + 9)), refusalOf('Z'));
    expect(chooseInput(both, 'Z', 'offered', NOW)).toMatchObject({ kind: 'refused', refused: { deadAt: NOW + 9 } });
  });
});

describe('a refresh token that was put beside one that is offered', () => {
  const putWith = (params?: string): Rotation | undefined => {
    const put = params === undefined ? {} : { params };
    return afterGrant(chain('A'), { value: 'P', expiresAt: undefined, put }, undefined, NOW);
  };

  test.each([
    ['the function that was there', undefined, undefined, 'P'],
    ['a function that replaced params', 'before', undefined, 'P'],
    ['the params that were there', 'before', 'before', 'P'],
    ['params that were registered since', 'before', 'since', 'X'],
    ['params that replaced a function since', undefined, 'since', 'X'],
  ])('the right refresh token is sent first where %s offers it', (_, paramsThen, paramsNow, first) => {
    expect(chooseInput(putWith(paramsThen), 'X', 'offered', NOW, () => paramsNow)).toMatchObject({ value: first });
  });

  test('the other refresh token is sent when one is refused', () => {
    expect(sent(withRefusal(putWith(), refusalOf('P')), 'X')).toBe('X');
    expect(sent(withRefusal(putWith(), refusalOf('X')), 'X')).toBe('P');
  });

  test.each(['P', 'Q'])(
    'the offered refresh token comes after an answered %s, and is sent when that is refused',
    (value) => {
      const answered = { ...spent('P', 'P', 'A', 'P'), onOffer: secretHash('X') };
      const after = afterGrant(putWith(), { value, expiresAt: undefined }, answered, NOW);
      expect([sent(after, 'X'), sent(after, 'Y'), after?.put]).toEqual([value, 'Y', undefined]);
      expect(sent(withRefusal(after, refusalOf(value)), 'X')).toBe('X');
    },
  );

  test('an answer without a refresh token supersedes the offered one too', () => {
    const answered = { ...spent('P', 'P', 'A', 'P'), onOffer: secretHash('X') };
    expect(sent(afterGrant(putWith(), undefined, answered, NOW), 'X')).toBe('P');
  });

  test('the last four offered refresh tokens stay superseded', () => {
    let rotation: Rotation | undefined = chain('A');
    for (const offered of ['1', '2', '3', '4', '5']) {
      const value = `P${offered}`;
      rotation = afterGrant(rotation, { value, expiresAt: undefined, put: {} }, undefined, NOW);
      rotation = afterGrant(rotation, undefined, { ...spent(value, value), onOffer: secretHash(offered) }, NOW);
    }
    expect(['1', '2', '5'].map((offered) => sent(rotation, offered))).toEqual(['1', 'P5', 'P5']);
  });

  test('what is known of a put does not apply to another token in its place', () => {
    expect(sent({ ...putWith(), token: 'of an earlier release' }, 'X')).toBe('X');
  });
});

describe('the refresh token after a grant', () => {
  test('a grant stores its refresh token, which continues the chain of the one that was sent', () => {
    const after = afterGrant(
      { ...chain('A', 'B'), expiresAt: 5 },
      { value: 'C', expiresAt: undefined },
      spent('B', 'B'),
      NOW,
    );
    expect(after).toEqual({ ...chain('A', 'B', 'C'), expiresAt: 5 });
  });

  test('a deadline that a grant brings replaces the one before', () => {
    const after = afterGrant({ ...chain('A'), expiresAt: 5 }, { value: 'A', expiresAt: 9 }, spent('A', 'A'), NOW);
    expect(after).toEqual({ ...chain('A'), expiresAt: 9 });
    expect(afterGrant(chain('A'), { value: 'B', expiresAt: 9 }, spent('A', 'A'), NOW)?.expiresAt).toBe(9);
  });

  test('a grant without a refresh token keeps the stored one with its deadline', () => {
    const before = { ...chain('A'), expiresAt: 5 };
    expect(afterGrant(withIntent(before, { hash: 'h', at: 1 }), undefined, spent('A', 'A'), NOW)).toEqual(before);
    expect(afterGrant(undefined, undefined, undefined, NOW)).toBeUndefined();
  });

  test.each([
    ['a token alone', undefined],
    ['the stored refresh token', 'B'],
    ['another refresh token', 'C'],
    ['an earlier refresh token', 'A'],
  ])('a put of %s keeps the intent of an attempt that is under way', (_, value) => {
    const intent = { hash: secretHash('B'), at: 1 };
    const received = value === undefined ? undefined : { value, expiresAt: undefined };
    expect(afterGrant(withIntent(chain('A', 'B'), intent), received, undefined, NOW)?.intent).toEqual(intent);
    expect(afterGrant(withIntent(chain('A', 'B'), intent), received, spent('B', 'B'), NOW)?.intent).toBeUndefined();
  });

  test('a grant from an offered token begins a chain with it, without the deadline of the old chain', () => {
    const after = afterGrant(
      { ...chain('A', 'B'), expiresAt: 5 },
      { value: 'Y', expiresAt: undefined },
      spent('Z', 'B'),
      NOW,
    );
    expect(after?.token).toBe('Y');
    expect(after?.expiresAt).toBeUndefined();
    expect(after?.known?.[0]).toBe(secretHash('Z'));
    for (const old of ['A', 'B', 'Z', 'Y']) expect(sent(after, old)).toBe('Y');
  });

  test('the first and the last sixteen refresh tokens are known', () => {
    let rotation = afterGrant(undefined, { value: 'T1', expiresAt: undefined }, spent('T0', undefined), NOW);
    for (let n = 2; n <= 40; n++) {
      rotation = afterGrant(rotation, { value: `T${n}`, expiresAt: undefined }, spent(`T${n - 1}`, `T${n - 1}`), NOW);
    }
    expect(rotation?.known).toHaveLength(17);
    for (const old of [0, 25, 30, 40]) expect(sent(rotation, `T${old}`)).toBe('T40');
    expect(sent(rotation, 'T24')).toBe('T24');
  });

  /** What becomes of a rotation in `count` refreshes; the params offer `onOffer` all the time. */
  function rotated(before: Rotation | undefined, count: number, onOffer?: string): Rotation | undefined {
    let rotation = before;
    for (let n = 0; n < count; n++) {
      const token = rotation?.token as string;
      const used = { ...spent(token, token), onOffer: onOffer === undefined ? undefined : secretHash(onOffer) };
      rotation = afterGrant(rotation, { value: `${token}+`, expiresAt: undefined }, used, NOW);
    }
    return rotation;
  }

  const put = (rotation: Rotation | undefined, value: string): Rotation | undefined =>
    afterGrant(rotation, { value, expiresAt: undefined }, undefined, NOW);

  test('a token that the params offered on the first day is never sent again, however many logins follow', () => {
    let rotation = afterGrant(undefined, { value: 'N', expiresAt: undefined }, spent('P', undefined), NOW);
    for (let login = 0; login < 40; login++) rotation = rotated(put(rotation, `L${login}`), 20, 'P');
    expect(sent(rotation, 'P')).toBe(rotation?.token);
  });

  test('the first token of one of the last sixteen chains is not sent again, though it is no longer offered', () => {
    let rotation: Rotation | undefined;
    for (let login = 0; login < 30; login++) rotation = rotated(put(rotation, `L${login}`), 20);
    expect(rotation?.firsts).toHaveLength(16);
    for (const old of [13, 20, 28, 29]) expect(sent(rotation, `L${old}`)).toBe(rotation?.token);
    expect(sent(rotation, 'L12')).toBe('L12');
  });

  test('a refused token that is still offered is remembered longer than one that is not', () => {
    let rotation: Rotation | undefined = withRefusal(chain('A'), refusalOf('P'));
    for (let login = 0; login < 10; login++) {
      rotation = withRefusal(rotated(put(rotation, `L${login}`), 2, 'P'), refusalOf(`L${login}++`));
    }
    expect(sent(rotated(put(rotation, 'M'), 1, 'P'), 'P')).toBe('M+');
  });

  test('a refresh token that is put is stored, and begins a chain', () => {
    expect(afterGrant(chain('A'), { value: 'Z', expiresAt: 7 }, undefined, NOW)).toEqual({
      token: 'Z',
      expiresAt: 7,
      known: [secretHash('Z'), secretHash('A')],
      firsts: [secretHash('A')],
    });
  });

  test('a put of a refresh token replaced long ago changes nothing, unless the stored one is dead', () => {
    expect(afterGrant(chain('A', 'B'), { value: 'A', expiresAt: undefined }, undefined, NOW)).toEqual(chain('A', 'B'));
    const dead = withRefusal(chain('A', 'B'), refusalOf('B'));
    expect(isOfNoMoreUse(dead, NOW)).toBe(true);
    expect(afterGrant(dead, { value: 'A', expiresAt: undefined }, undefined, NOW)?.token).toBe('A');
  });

  test('a grant does not forget what was refused before', () => {
    const after = afterGrant(
      withRefusal(chain('A'), refusalOf('Z')),
      { value: 'B', expiresAt: undefined },
      spent('A', 'A'),
      NOW,
    );
    expect(sent(after, 'Z')).toBe('B');
  });
});

describe('storing the answer to a refresh token', () => {
  test.each([
    ['when the stored one is the one that was sent', chain('A'), spent('A', 'A', 'A'), true],
    ['when nothing was stored and nothing is', undefined, spent('Z', undefined), true],
    ['when the stored one is as it was, although another was sent', chain('A'), spent('Z', 'A', 'A'), true],
    ['not when another was stored meanwhile', chain('A', 'B'), spent('A', 'A', 'A'), false],
    ['not when one was stored first meanwhile', chain('B'), spent('Z', undefined), false],
    ['when the one that was sent was stored first meanwhile', chain('Z'), spent('Z', undefined), true],
    ['when the one that was sent was stored instead meanwhile', chain('A', 'Z'), spent('Z', 'A', 'A'), true],
    ['when a failover has brought back an older one', chain('A'), spent('C', 'C', 'A', 'B', 'C'), true],
  ])('whether the answer to a refresh token may be stored: %s', (_, rotation, what, expected) => {
    expect(continuesFrom(rotation, what)).toBe(expected);
  });
});

test('an intent that is removed leaves nothing behind', () => {
  const intent = { hash: 'h', at: 1 };
  expect(withIntent(undefined, intent)).toEqual({ intent });
  expect(withoutIntent(withIntent(undefined, intent))).toBeUndefined();
  expect(withoutIntent(withIntent(chain('A'), intent))).toEqual(chain('A'));
  expect(withRefusal(withIntent(chain('A'), intent), refusalOf('A'))).not.toHaveProperty('intent');
});

test('the last eight refusals are remembered, each once', () => {
  let rotation: Rotation | undefined;
  const tokens = Array.from('ABCDEFGHI');
  for (const token of [...tokens, 'I']) rotation = withRefusal(rotation, refusalOf(token));
  expect(rotation?.refused?.map(({ hash }) => hash)).toEqual(tokens.slice(1).map(secretHash));
});

describe('a refresh token in reserve', () => {
  const withOther = (rotation: Rotation, other: Rotation): Rotation => withReserve(rotation, other, NOW);

  test.each([
    ['is not sent while the newest is of use', withOther(chain('A'), chain('Z')), undefined, 'A'],
    [
      'is not sent before one that is offered',
      withRefusal(withOther(chain('A'), chain('Z')), refusalOf('A')),
      'X',
      'X',
    ],
    [
      'is sent when the newest was refused',
      withRefusal(withOther(chain('A'), chain('Z')), refusalOf('A')),
      undefined,
      'Z',
    ],
    ['is sent when the newest has ended', { ...withOther(chain('A'), chain('Z')), expiresAt: NOW }, undefined, 'Z'],
    [
      'is sent when the newest has ended, although the params offer it',
      { ...withOther(chain('A'), chain('Z')), expiresAt: NOW },
      'Z',
      'Z',
    ],
    [
      'that came last is sent first',
      withRefusal(withOther(withOther(chain('A'), chain('Z')), chain('Y')), refusalOf('A')),
      undefined,
      'Y',
    ],
    [
      'is not sent again when it was refused',
      withRefusal(withRefusal(withOther(chain('A'), chain('Z')), refusalOf('A')), refusalOf('Z')),
      undefined,
      'refused',
    ],
  ])('a refresh token in reserve %s', (_, rotation, offered, expected) => {
    expect(sent(rotation, offered)).toBe(expected);
  });

  test.each([
    [-1, 'Z'],
    [0, 'refused'],
    [1, 'refused'],
  ])('a refresh token in reserve is not sent %i ms after its own end', (late, expected) => {
    const rotation = withRefusal(withOther(chain('A'), { ...chain('Z'), expiresAt: NOW + 1 }), refusalOf('A'));
    expect(sent(rotation, undefined, 'offered', NOW + 1 + late)).toBe(expected);
  });

  test.each([
    ['has ended', { ...chain('Z'), expiresAt: NOW }],
    ['was refused', withRefusal(chain('Z'), refusalOf('Z'))],
    ['is the newest itself', chain('A')],
  ])('a refresh token that %s is not held in reserve', (_, other) => {
    expect(withOther(chain('A'), other)).toEqual(chain('A'));
  });

  test('the reserve holds the last four refresh tokens, which are known like the newest', () => {
    let rotation = chain('A');
    for (const token of ['V', 'W', 'X', 'Y', 'Z']) rotation = withOther(rotation, chain(token));
    expect(rotation.reserve?.map(({ token }) => token)).toEqual(['W', 'X', 'Y', 'Z']);
    for (const token of ['A', 'V', 'W', 'X', 'Y', 'Z']) expect(isKnown(rotation, token)).toBe(true);
  });

  test('a refresh token leaves the reserve when it is used, and keeps its own deadline', () => {
    const rotation = withRefusal(withOther(chain('A'), { ...chain('Z'), expiresAt: NOW + 9 }), refusalOf('A'));
    const after = afterGrant(rotation, { value: 'Z+', expiresAt: undefined }, spent('Z', 'A', 'A'), NOW);
    expect(after).toMatchObject({ token: 'Z+', expiresAt: NOW + 9 });
    expect(after).not.toHaveProperty('reserve');
  });

  test('a refresh token in reserve stays while the newest is refreshed, and goes with a later authorization', () => {
    const rotation = withOther(chain('A'), chain('Z'));
    const after = afterGrant(rotation, { value: 'B', expiresAt: undefined }, spent('A', 'A'), NOW);
    expect(after?.reserve).toEqual([{ token: 'Z' }]);
    expect(afterGrant(after, { value: 'N', expiresAt: undefined }, undefined, NOW)).not.toHaveProperty('reserve');
  });
});

test.each([
  ['its end', 0, 'A'],
  ['a millisecond before its end', 1, 'B'],
])('an earlier refresh token that is put replaces the stored one at %s', (_, leftMs, expected) => {
  const rotation = { ...chain('A', 'B'), expiresAt: NOW + leftMs };
  expect(afterGrant(rotation, { value: 'A', expiresAt: undefined }, undefined, NOW)?.token).toBe(expected);
});
