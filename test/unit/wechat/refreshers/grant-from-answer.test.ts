import { expect, test } from 'vitest';
import type { JsonObject } from '../../../../src/core/primitives/json.js';
import { storedGrant } from '../../../../src/core/records/grant.js';
import { grantFromAnswer } from '../../../../src/wechat/refreshers/grant-from-answer.js';
import { everythingShown } from '../failure.js';

const NOW = 1_800_000_000_000;
const TIMES = { marginMs: undefined, jitterMs: undefined, minValidityMs: undefined };
const BOUNDS = 'and must be 1 to 31536000 seconds';

function refusal(answer: JsonObject, field = 'access_token'): string {
  try {
    storedGrant(grantFromAnswer(answer, field), NOW, NOW, TIMES, 0.5);
  } catch (error) {
    expect(everythingShown(error)).not.toContain('CANARY');
    return (error as Error).message;
  }
  return 'accepted';
}

test.each<[JsonObject, string]>([
  [{}, `expires_in is missing, ${BOUNDS}`],
  [{ expires_in: null }, `expires_in is null, ${BOUNDS}`],
  [{ expires_in: 0 }, `expires_in is 0, ${BOUNDS}`],
  [{ expires_in: -1 }, `expires_in is -1, ${BOUNDS}`],
  [{ expires_in: 31_536_001 }, `expires_in is 31536001, ${BOUNDS}`],
  [{ expires_in: Number.POSITIVE_INFINITY }, `expires_in is Infinity, ${BOUNDS}`],
  [{ expires_in: '' }, `expires_in is an empty string, ${BOUNDS}`],
  [{ expires_in: 'CANARY' }, `expires_in is a string of 6 characters, ${BOUNDS}`],
  [{ expires_in: ' 7200' }, `expires_in is a string of 5 characters, ${BOUNDS}`],
  [{ expires_in: true }, `expires_in is a boolean, ${BOUNDS}`],
  [{ expires_in: [7_200] }, `expires_in is an array, ${BOUNDS}`],
  [{ expires_in: { CANARY: 7_200 } }, `expires_in is an object, ${BOUNDS}`],
  [{ expires_in: 7_200 }, 'accepted'],
  [{ expires_in: '7200' }, 'accepted'],
])('an answer with the lifetime %j is accepted or refused with what WeChat answered', (lifetime, message) => {
  expect(refusal({ access_token: 'CANARY-token', ...lifetime })).toBe(message);
});

test.each<[JsonObject, string]>([
  [{}, 'ticket is missing'],
  [{ ticket: '' }, 'ticket is an empty string'],
  [{ ticket: null }, 'ticket is null'],
  [{ ticket: 7 }, 'ticket is 7'],
  [{ ticket: ['CANARY'] }, 'ticket is an array'],
])('an answer with the token %j is refused with what WeChat answered', (token, message) => {
  expect(refusal({ expires_in: 7_200, ...token }, 'ticket')).toBe(message);
});
