import { beforeEach, expect, test } from 'vitest';
import { keyId, type TokenKey } from '../../../../src/core/model/token-key.js';
import type { RecordReader } from '../../../../src/core/records/record-reader.js';
import { RegistrationLoader } from '../../../../src/core/refresh/registration-loader.js';
import type { PushedTokens } from '../../../../src/core/registry/pushed-tokens.js';
import type { Registry } from '../../../../src/core/registry/registry.js';

const TICKET = { appid: 'wx1', type: 'ticket' };
const PLATFORM = { appid: 'wx1', type: 'platform' };
const USER = { appid: 'wx2', type: 'user' };

let loaded: string[][];
let read: string[];

beforeEach(() => {
  loaded = [];
  read = [];
});

function loader(holdsAll: boolean): RegistrationLoader {
  const registry = { holdsAll, load: async (keys: readonly TokenKey[]) => void loaded.push(keys.map(keyId)) };
  const pushed = {
    dependenciesOf: ({ type }: TokenKey) => (type === 'platform' ? [TICKET] : []),
    missing: (keys: readonly TokenKey[]) => keys.filter(({ type }) => type === 'ticket'),
  };
  const recordReader = { read: async (key: TokenKey) => void read.push(keyId(key)) };
  return new RegistrationLoader(
    registry as unknown as Registry,
    pushed as unknown as PushedTokens,
    recordReader as unknown as RecordReader,
  );
}

test('the registrations of keys and of their dependencies are read together, and then missing pushed tokens', async () => {
  await loader(false).load([PLATFORM, USER]);
  expect([loaded, read]).toEqual([[['wx1/platform', 'wx2/user', 'wx1/ticket']], ['wx1/ticket']]);
});

test('no pushed token is read where everything is cached', async () => {
  await loader(true).load([PLATFORM]);
  expect([loaded, read]).toEqual([[['wx1/platform', 'wx1/ticket']], []]);
});
