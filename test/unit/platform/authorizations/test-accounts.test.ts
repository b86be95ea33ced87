import { expect, test } from 'vitest';
import { engineOf } from '../../../../src/core/engine/engine-of.js';
import { type AuthorizerRecovery, authorizers, recoverAuthorizers } from '../../../../src/push-server/index.js';
import { CheckWorld, TEST_ACCOUNT } from '../../../support/worlds/check-world.js';
import { COMPONENT, MERCHANT, type PushFields } from '../../../support/worlds/platform-world.js';

const TYPE = 'authorizer_access_token';
const OF_TEST_ACCOUNT = { subject: TEST_ACCOUNT };

/** Returns the fields of the authorization of a test account, whose code can be exchanged. */
function authorized(world: CheckWorld, code: string): PushFields {
  const fields = { ...world.authorized(code), AuthorizerAppid: TEST_ACCOUNT };
  world.platform.codes.set(code, TEST_ACCOUNT);
  return fields;
}

async function listed(tokens: Parameters<typeof authorizers>[0]): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { appid } of authorizers(tokens, COMPONENT)) found.push(appid);
  return found;
}

test('the authorization of a test account is exchanged and known, without a task, an event and a place in the list', async () => {
  await using world = new CheckWorld();
  const { receiver, tokens } = await world.receiving();
  expect((await world.push(receiver, authorized(world, 'code-1'))).body).toBe('success');
  await world.push(receiver, world.authorized('code-2'));
  await world.settle();
  expect(world.platform.countOf('api_query_auth')).toBe(2);
  expect(await tokens.get(COMPONENT, TYPE, OF_TEST_ACCOUNT)).toMatch(/^merchant-/);
  expect(tokens.hasTask(COMPONENT, TYPE, OF_TEST_ACCOUNT)).toBe(false);
  const subjects: unknown[] = [];
  for await (const { subject } of tokens.status()) subjects.push(subject);
  expect(subjects).toEqual([MERCHANT]);
  expect(world.events).toEqual([`authorized ${COMPONENT} ${MERCHANT}`]);
  expect(await listed(tokens)).toEqual([MERCHANT]);
});

test('the end of the authorization of a test account removes its token, without an event', async () => {
  await using world = new CheckWorld();
  const { receiver, tokens } = await world.receiving();
  await world.push(receiver, authorized(world, 'code-1'));
  await world.settle(2_000);
  await world.push(receiver, { ...world.unauthorized(), AuthorizerAppid: TEST_ACCOUNT });
  await world.settle();
  await expect(tokens.get(COMPONENT, TYPE, OF_TEST_ACCOUNT)).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  expect([world.events, await listed(tokens)]).toEqual([[], []]);
});

test('an exchange for a test account that fails is retried and raises no alarm', async () => {
  await using world = new CheckWorld();
  const { receiver, tokens } = await world.receiving();
  world.platform.failures.set('api_query_auth', new Error('away'));
  await world.push(receiver, authorized(world, 'code-1'));
  await world.settle(10_000);
  world.platform.codes.clear();
  world.platform.failures.clear();
  await world.settle(120_000);
  const [state] = await engineOf(tokens).store.get([`authorization/${COMPONENT}/${TEST_ACCOUNT}`]);
  expect(state?.data['state']).toBe('needsAuthorization');
  expect([world.errors, await listed(tokens)]).toEqual([[], []]);
});

test('a recovery passes over test accounts, and does not count them', async () => {
  await using world = new CheckWorld();
  const { tokens } = await world.receiving();
  world.platform.refreshTokens.set(TEST_ACCOUNT, 'refresh-of-test').set(MERCHANT, 'refresh-of-merchant');
  const progress: AuthorizerRecovery[] = [];
  const recovering = recoverAuthorizers(tokens, COMPONENT, { onProgress: (recovery) => void progress.push(recovery) });
  await world.settle(5_000);
  const counts = { total: 1, present: 0, restored: 1, needAuthorization: 0 };
  expect([await recovering, progress]).toEqual([counts, [counts]]);
  expect(tokens.hasTask(COMPONENT, TYPE, OF_TEST_ACCOUNT)).toBe(false);
  expect(await listed(tokens)).toEqual([MERCHANT]);
});
