import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../../src/core/model/refresher.js';
import { InvalidGrant, readGivenGrant, readReturnedGrant } from '../../../../src/core/records/given-grant.js';
import { APPID, TYPE, World } from '../../../support/worlds/world.js';
import { everythingShown } from '../../wechat/failure.js';

const GRANT: Grant = {
  value: 'CANARY-token',
  expiresInSeconds: 7_200,
  obtainedAt: 1_800_000_000_000,
  dueInSeconds: 60,
  refreshToken: 'CANARY-refresh-token',
  refreshTokenExpiresInSeconds: 86_400,
  scope: 'a',
  result: { a: 1 },
};
const NAMES = Object.keys(GRANT) as (keyof Grant)[];

function throwing(name: keyof Grant): Grant {
  return Object.defineProperty({ ...GRANT }, name, {
    enumerable: true,
    get() {
      throw new Error('CANARY secret=abc');
    },
  });
}

function revoked(): Grant {
  const { proxy, revoke } = Proxy.revocable({ ...GRANT }, {});
  revoke();
  return proxy;
}

function hostile(trap: keyof ProxyHandler<object>): Grant {
  const fail = (): never => {
    throw new Error('CANARY secret=abc');
  };
  return new Proxy({ ...GRANT }, { [trap]: fail });
}

/** A grant whose getters answer once, and something else afterwards. */
function changing(): { grant: Grant; reads: string[] } {
  const reads: string[] = [];
  const grant = {} as Grant;
  for (const name of NAMES) {
    Object.defineProperty(grant, name, {
      enumerable: true,
      get() {
        reads.push(name);
        return reads.indexOf(name) === reads.length - 1 ? GRANT[name] : 'another';
      },
    });
  }
  return { grant, reads };
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('a returned grant', () => {
  test('a returned grant is read once, field by field', () => {
    const { grant, reads } = changing();
    expect(readReturnedGrant(grant)).toEqual({ grant: GRANT, problem: undefined });
    expect(reads.toSorted()).toEqual(NAMES.toSorted());
  });

  test.each(NAMES)('a returned grant is readable but for a %s whose getter throws', (name) => {
    const { grant, problem } = readReturnedGrant(throwing(name));
    expect(problem).toBeInstanceOf(InvalidGrant);
    expect(problem?.message).toBe(`a grant: ${name} cannot be read`);
    const { [name]: _left, ...rest } = GRANT;
    expect(grant).toEqual(rest);
  });

  test.each([undefined, null, 'CANARY', ['CANARY'], 7])(
    'a return value that is no object is no grant: %#',
    (returned) => {
      const { grant, problem } = readReturnedGrant(returned);
      expect(grant).toEqual({});
      expect(problem?.message).toMatch(/^a grant must be an object, got /);
    },
  );

  test('a returned grant may be frozen, inherit its fields, and have others', () => {
    const returned = Object.freeze(Object.assign(Object.create(GRANT), { errcode: 0 }));
    expect(readReturnedGrant(returned)).toEqual({ grant: GRANT, problem: undefined });
  });
});

test.each<[string, () => unknown]>([
  ...NAMES.map((name): [string, () => unknown] => [`a ${name} whose getter throws`, () => throwing(name)]),
  ['a revoked proxy', revoked],
  ['a proxy without names', () => hostile('ownKeys')],
  ['a proxy without fields', () => hostile('get')],
  ['a proxy that is asked for fields in vain', () => hostile('has')],
  ['a promise', () => Promise.resolve(GRANT)],
])('put rejects %s with a TypeError of ours, and nothing is stored', async (_name, given) => {
  await using world = new World();
  const tokens = await world.registered();
  const grant = given();
  const error = await tokens.put(APPID, TYPE, grant as Grant).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toMatch(/^a grant/);
  expect(everythingShown(error)).not.toContain('CANARY');
  const [document] = await world.store.get([`key/${APPID}/${TYPE}`]);
  expect(document?.data['grant']).toBeUndefined();
});

test('a promise that was not awaited is named in the error', () => {
  const message = 'a grant must be an object, got a promise that was not awaited';
  expect(() => readGivenGrant(Promise.resolve(GRANT))).toThrow(message);
});

test.each(['value', 'refreshToken'] as const)(
  'a grant that a caller puts is refused if characters were copied along with its %s',
  (name) => {
    const given = { ...GRANT, [name]: `${GRANT[name]}\n` };
    expect(() => readGivenGrant(given)).toThrow(new RegExp(`^a grant's ${name} `));
    expect(everythingShown(thrownBy(() => readGivenGrant(given)))).not.toContain('CANARY');
    expect(readReturnedGrant(given)).toEqual({ grant: given, problem: undefined });
  },
);

test('a grant that a caller puts is read as it is, also where a token is no text', () => {
  expect(readGivenGrant(GRANT)).toEqual(GRANT);
  expect(readGivenGrant({ value: 7 })).toEqual({ value: 7 });
});

/** What a refresher that returns this fails with, for the caller and as an event. */
async function failures(given: () => unknown): Promise<Error[]> {
  await using world = new World();
  const tokens = world.manager({ refreshers: [{ type: TYPE, refresh: async () => given() as Grant }] });
  const errors: Error[] = [];
  tokens.on('refreshFailed', ({ error }) => void errors.push(error));
  await tokens.register({ appid: APPID, secret: 'secret' });
  const failed = tokens.get(APPID, TYPE).catch((thrown: Error) => void errors.push(thrown));
  await world.clock.advance(30_000);
  await failed;
  return errors;
}

test.each(NAMES)(
  'a %s whose getter throws makes an answer UPSTREAM_REJECTED, and its message stays inside',
  async (name) => {
    const errors = await failures(() => throwing(name));
    expect(errors.length).toBeGreaterThan(1);
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'UPSTREAM_REJECTED', retryable: true });
      expect(error.message).toBe(`the answer for access_token cannot be used: a grant: ${name} cannot be read`);
      expect(everythingShown(error)).not.toContain('CANARY');
    }
  },
);

// Before the manager sees them, the promise of the refresher has asked them whether they are promises.
test.each<[string, () => unknown]>([
  ['a revoked proxy', revoked],
  ['a proxy whose fields cannot be read', () => hostile('get')],
])('a refresher that returns %s counts as one that has thrown, and its message stays inside', async (_name, given) => {
  const errors = await failures(given);
  expect(errors.length).toBeGreaterThan(1);
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE' });
    expect(error.message).toMatch(/^the refresher of access_token failed: (?:Type)?Error$/);
    expect(everythingShown(error)).not.toContain('CANARY');
  }
});
