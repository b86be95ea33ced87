import { describe, test } from 'vitest';
import { MemoryStore } from '../../src/stores/memory.js';
import { FakeClock } from '../../src/testing/fake-clock.js';
import { testTokenStore } from '../../src/testing/store-contract.js';

describe('MemoryStore', () => {
  const clock = new FakeClock();
  testTokenStore(test, async () => new MemoryStore({ clock }), { advance: (ms) => clock.advance(ms) });
});
