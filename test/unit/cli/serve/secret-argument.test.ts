import { describe, expect, it } from 'vitest';
import { STORE } from '../../../../src/cli/args/serve-flags.js';
import { withoutOption } from '../../../../src/cli/serve/secret-argument.js';

describe('arguments without an option', () => {
  it.each([
    ['--store redis://:CANARY@a.test', ''],
    ['--store=redis://:CANARY@a.test', ''],
    ['serve --port 1 --store redis://:CANARY@a.test --host ::1', 'serve --port 1 --host ::1'],
    ['--store redis://:CANARY@a.test --store=redis://:CANARY@b.test -p 1', '-p 1'],
    ['--store-file a --port 1', '--store-file a --port 1'],
  ])('the arguments %s are %s without the option', (given, left) => {
    expect(withoutOption(given.split(' '), STORE).join(' ')).toBe(left);
  });
});
