import { inspect } from 'node:util';
import nodeFetch from 'node-fetch';
import { describe, expect, test } from 'vitest';
import { createFetch } from '../../../../src/index.js';
import { APPID } from '../../../support/worlds/world.js';
import { scene } from './scene.js';

describe('a response of createFetch', () => {
  test.each([
    ['the global fetch', undefined],
    ['node-fetch', nodeFetch as unknown as typeof fetch],
  ])('a response of %s and its clone are logged without the token', async (_, send) => {
    await using at = await scene();
    const wechat = createFetch(at.tokens, APPID, send === undefined ? {} : { fetch: send });
    const response = await wechat('/a?b=1');
    for (const shown of [inspect(response), inspect(response.clone()), inspect({ response }, { showHidden: true })]) {
      expect(shown).toContain('/a?b=1');
      expect(shown).toContain('200');
      expect(shown).not.toContain('token-1');
    }
    expect(at.server.tokens).toEqual(['token-1']);
  });
});
