import { describe, expect, test } from 'vitest';
import { type CallParts, callWithToken } from '../../../../src/core/calls/call.js';
import { FakeClock } from '../../../../src/testing/fake-clock.js';

const STALE = { errcode: 40_001 };

function call(answers: unknown[], parts: Partial<CallParts<unknown>> = {}) {
  const tokens: string[] = [];
  const reported: string[] = [];
  const result = callWithToken<unknown>({
    token: 'old',
    run: (token) => {
      tokens.push(token);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    isStale: undefined,
    reading: { clock: new FakeClock() },
    replace: async (stale) => {
      reported.push(stale);
      return 'new';
    },
    ...parts,
  });
  return { result, tokens, reported };
}

describe('callWithToken', () => {
  test('run is called once when its answer is not stale, and the answer is returned unchanged', async () => {
    const answer = { ip_list: [] };
    const { result, tokens, reported } = call([answer]);
    expect(await result).toBe(answer);
    expect([tokens, reported]).toEqual([['old'], []]);
  });

  test('an error that is not stale is passed on unchanged', async () => {
    const error = new Error('no');
    const { result, tokens } = call([error]);
    await expect(result).rejects.toBe(error);
    expect(tokens).toEqual(['old']);
  });

  test.each([
    ['a result', STALE],
    ['an error', Object.assign(new Error('stale'), STALE)],
  ])('run is called again with another token after %s that is stale', async (_, first) => {
    const { result, tokens, reported } = call([first, 'second']);
    expect(await result).toBe('second');
    expect([tokens, reported]).toEqual([['old', 'new'], ['old']]);
  });

  test('run is never called a third time: the second answer stands, stale or not', async () => {
    const second = { ...STALE };
    const { result, tokens } = call([STALE, second, 'third']);
    expect(await result).toBe(second);
    expect(tokens).toEqual(['old', 'new']);
    const error = Object.assign(new Error('second'), STALE);
    await expect(call([STALE, error]).result).rejects.toBe(error);
  });

  test.each([
    ['result', STALE],
    ['error', Object.assign(new Error('stale'), STALE)],
  ])('the %s of the first run stands when there is no other token', async (_, first) => {
    const { result, tokens } = call([first, 'second'], { replace: async (stale) => stale });
    await expect(result.catch((error: unknown) => error)).resolves.toBe(first);
    expect(tokens).toEqual(['old']);
  });

  test('callWithToken rejects when no other token can be acquired', async () => {
    const error = new Error('none');
    await expect(call([STALE], { replace: () => Promise.reject(error) }).result).rejects.toBe(error);
  });

  test('callWithToken awaits what run returns', async () => {
    expect(await call([Promise.resolve(STALE), Promise.resolve('second')]).result).toBe('second');
    expect(await call([Promise.reject(STALE), Promise.resolve('second')]).result).toBe('second');
  });

  test('isStale replaces the rule: it receives the result or the error, and nothing else', async () => {
    const seen: unknown[] = [];
    const isStale = (outcome: object) => {
      seen.push(outcome);
      return false;
    };
    const error = new Error('no');
    expect(await call([STALE], { isStale }).result).toBe(STALE);
    await expect(call([error], { isStale }).result).rejects.toBe(error);
    expect(seen).toEqual([{ result: STALE }, { error }]);
    expect(seen.map((outcome) => Object.keys(outcome as object))).toEqual([['result'], ['error']]);
  });

  test.each([true, Promise.resolve(true)])('isStale may answer at once or later', async (answer) => {
    const { result, tokens } = call(['dead', 'alive'], { isStale: () => answer });
    expect([await result, tokens]).toEqual(['alive', ['old', 'new']]);
  });

  test('an error that isStale throws is passed on', async () => {
    const error = new Error('mine');
    const isStale = () => {
      throw error;
    };
    await expect(call(['x'], { isStale }).result).rejects.toBe(error);
  });

  test('a thrown undefined is still thrown', async () => {
    const run = () => Promise.reject(undefined);
    await expect(call([], { run }).result).rejects.toBeUndefined();
  });
});
