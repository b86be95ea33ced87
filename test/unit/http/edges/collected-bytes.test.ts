import { expect, test } from 'vitest';
import { CollectedBytes } from '../../../../src/http/edges/collected-bytes.js';

test('the pieces of a body become one in their order', () => {
  const collected = new CollectedBytes();
  for (const piece of ['a', '', 'bc'.repeat(1_000), 'd']) collected.add(Buffer.from(piece));
  expect(collected.length).toBe(2_002);
  expect(collected.bytes().toString()).toBe(`a${'bc'.repeat(1_000)}d`);
});

test('a body without pieces is empty', () => {
  expect(new CollectedBytes().bytes()).toEqual(Buffer.alloc(0));
});

test('a body in pieces of a byte takes no more memory than twice its length', () => {
  const collected = new CollectedBytes();
  for (let count = 0; count < 65_536; count++) collected.add(Buffer.from('a'));
  expect(collected.bytes().buffer.byteLength).toBeLessThanOrEqual(131_072);
});
